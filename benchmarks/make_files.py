"""Texts and specifications of any size, the same bytes everywhere: drawn from a seeded generator, never from the clock.

``edited`` changes one thing in the middle, ``rewritten`` nearly every line: what ``diff`` has to cope with.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

CONTENTS = ("prose", "OpenAPI", "one line")

_WORDS = [
    "the", "a", "refund", "order", "customer", "agent", "must", "never", "always", "ask", "check", "before",
    "after", "when", "number", "receipt", "invoice", "payment", "policy", "limit", "amount", "team", "manager",
    "approve", "decline", "escalate", "politely", "briefly", "answer", "question", "language", "country",
    "currency", "delivery", "late", "broken", "missing", "item", "return", "label", "courier", "address", "email",
    "reply", "tone", "apologise", "explain", "offer", "voucher", "partial", "full", "within", "days", "of",
    "purchase", "unless", "otherwise", "stated", "by", "law", "keep", "record", "note", "reason", "ticket",
    "reference", "do", "not", "promise", "dates",
]  # fmt: skip


def content(kind: str, size: int, seed: int = 1) -> bytes:
    """A file of exactly ``size`` bytes (OpenAPI: at least so many, by less than one operation)."""
    if kind == "OpenAPI":
        return _openapi(size, seed)
    wrap = 100 if kind == "prose" else 0
    text = bytearray()
    for words in _sentences(seed):
        text += words.encode()
        text += b"\n" if wrap and len(text) - text.rfind(b"\n") > wrap else b" "
        if len(text) >= size:
            break
    return bytes(text[: size - 1]) + (b"\n" if wrap else b".")


def edited(kind: str, whole: bytes) -> bytes:
    """The file with one small change in the middle."""
    middle = len(whole) // 2
    old, new = (b'"type": "string"', b'"type": "integer"') if kind == "OpenAPI" else (b" refund ", b" credit ")
    at = whole.index(old, middle)
    return whole[:at] + new + whole[at + len(old) :]


def rewritten(kind: str, whole: bytes) -> bytes:
    """Another file of the same kind and size."""
    return content(kind, len(whole), seed=2)


def _sentences(seed: int) -> Iterator[str]:
    drawn = random.Random(seed)
    while True:
        words = drawn.choices(_WORDS, k=drawn.randint(6, 18))
        yield " ".join([words[0].capitalize(), *words[1:]]) + "."


def _openapi(size: int, seed: int) -> bytes:
    drawn = random.Random(seed)
    sentences = _sentences(seed)
    head = {"openapi": "3.1.0", "info": {"title": "Payments", "version": "1.0.0"}}
    paths: dict[str, object] = {}
    written = len(json.dumps(head, indent=1))
    while written < size:
        name = f"/{drawn.choice(_WORDS)}/{len(paths)}/{{id}}"
        paths[name] = _operations(drawn, sentences, len(paths))
        written += len(json.dumps({name: paths[name]}, indent=1))
    return (json.dumps({**head, "paths": paths}, indent=1) + "\n").encode()


def _operations(drawn: random.Random, sentences: Iterator[str], number: int) -> dict[str, object]:
    fields = {
        f"{drawn.choice(_WORDS)}_{index}": {
            "type": drawn.choice(["string", "integer", "boolean"]),
            "description": next(sentences),
        }
        for index in range(drawn.randint(3, 8))
    }
    query = [
        {
            "name": f"{drawn.choice(_WORDS)}_{index}",
            "in": "query",
            "schema": {"type": "string"},
            "description": next(sentences),
        }
        for index in range(drawn.randint(1, 4))
    ]
    path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    schema = {"type": "object", "required": sorted(fields)[:2], "properties": fields}
    answer = {"description": "Done", "content": {"application/json": {"schema": schema}}}
    return {
        "get": {
            "operationId": f"op{number}",
            "summary": next(sentences),
            "parameters": [path, *query],
            "responses": {"200": answer},
        }
    }
