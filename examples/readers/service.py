"""A service: each answer comes from what is live at that moment, and says which version gave it.

``AGENTS=s3://acme-agents/repoint uvicorn service:app`` starts it. A conversation keeps the versions with which it
began, whatever moves meanwhile, until it is ended or has lasted as long as one may.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

import repoint

LONGEST = 900.0
"""Seconds after which a conversation ends: a rollback reaches it then at the latest."""


class Question(BaseModel):
    """What a customer asks."""

    text: str


class Answer(BaseModel):
    """What the agent says, and which version of it."""

    text: str
    version: str
    generation: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Follow what is live for as long as the service runs."""
    settings = os.environ
    async with await repoint.AsyncReader.open(
        settings["AGENTS"],
        environment=settings.get("AGENTS_ENVIRONMENT", "production"),
        interval=float(settings.get("AGENTS_INTERVAL", "2")),
        report=True,
    ) as reader:
        app.state.reader, app.state.conversations = reader, {}
        yield


app = FastAPI(lifespan=lifespan)


def reader() -> repoint.AsyncReader:
    """The one reader of this process."""
    found: repoint.AsyncReader = app.state.reader
    return found


def conversations() -> dict[str, tuple[float, repoint.Pinned]]:
    """When each conversation began, and what it is pinned to; those that lasted too long are ended."""
    found: dict[str, tuple[float, repoint.Pinned]] = app.state.conversations
    for name in [name for name, (began, _) in found.items() if time.monotonic() - began > LONGEST]:
        found.pop(name)[1].close()
    return found


async def answered(active: repoint.Active, question: Question) -> Answer:
    """Ask the model as the version says. Here the answer is what would be sent to it."""
    system = active.prompts["system"].text
    text = f"{active.model.name}, {active.config.max_tokens} tokens: {system.splitlines()[0]} | {question.text}"
    return Answer(text=text, version=active.version, generation=active.generation)


@app.post("/ask")
async def ask(question: Question) -> Answer:
    """One question, answered by what is live."""
    return await answered(reader().active("refund"), question)


@app.post("/conversations")
async def begin() -> dict[str, str]:
    """Begin a conversation with what is live now."""
    name = uuid.uuid4().hex
    conversations()[name] = (time.monotonic(), reader().pin())
    return {"name": name}


@app.post("/conversations/{name}")
async def go_on(name: str, question: Question) -> Answer:
    """Go on with the versions that the conversation began with."""
    found = conversations().get(name)
    if found is None:
        raise HTTPException(404, "this conversation has ended")
    return await answered(found[1].active("refund"), question)


@app.delete("/conversations/{name}")
async def end(name: str) -> None:
    """End a conversation."""
    found = conversations().pop(name, None)
    if found is not None:
        found[1].close()


@app.get("/health")
async def health() -> dict[str, object]:
    """What is served, and since when it cannot be said to be the newest. Stale is no reason to restart."""
    stale = reader().staleness
    return {"generation": reader().generation, "stale_seconds": round(stale.seconds, 1), "reason": stale.reason}
