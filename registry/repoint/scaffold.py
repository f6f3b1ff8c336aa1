"""The first files of a new agent, for ``repoint new AGENT``.

What it writes is a version that can be committed as it stands. It is written beside the agent's folder and put in place
by one rename, so a failure leaves nothing half-written and an existing folder is never touched.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from repoint.agentfiles import MANIFEST
from repoint.errors import AlreadyExists, InvalidInput, StoreUnavailable
from repoint.names import parse_agent

EXAMPLE_PROVIDER = "anthropic"
EXAMPLE_MODEL = "claude-sonnet-4-5-20250929"
PROMPT = "prompts/system.md"

_MANIFEST_TEXT = """\
# The manifest of agent {name}: everything that makes it behave as it does.
# Every file named here becomes part of each version, byte for byte.
# Publish it:  repoint commit {name} -m "First version"

schema = "repoint.manifest/1"

[agent]
name = "{name}"
description = ""                        # one line: what this agent is for
owners = [{owner}]                      # who answers for it

[model]
provider = "{provider}"
name = "{model}"     # pinned: a name that can change under you ("latest", an undated alias) is refused

[prompts]                               # name = path, relative to this file
system = "{prompt}"

# One table per tool, server or API that the agent uses:
#
# [integrations.payments]
# kind = "openapi"                      # openapi | mcp | function | http
# endpoint = "https://payments.example.com/v1"
# spec = "integrations/payments.json"   # OpenAPI document, MCP tool list, JSON Schema of a function
# secrets = ["PAYMENTS_API_KEY"]        # names of environment variables, never their values

[config]                                # other keys are kept as they are
temperature = 0.2
max_tokens = 1024
timeout_seconds = 30

[config.retry]
max_attempts = 3

# Other agents of the team that this one works with, and the versions it needs of them:
#
# [requires]
# intake = ">=1.0.0,<2.0.0"
"""

_PROMPT_TEXT = """\
You are {name}.

Say here what the agent decides or answers, what it must never do, and how it answers.
"""


def scaffold_agent(folder: Path, name: str, owner: str) -> list[Path]:
    """Write ``agent.toml`` and its files into a new folder; all of them or nothing.

    ``folder`` is the agent's own folder and must not exist or be empty; its parents are created. ``owner`` (an e-mail
    address, or empty) becomes the first of the owners.

    Raises:
        InvalidInput: the name cannot be an agent's name.
        AlreadyExists: something stands in the folder's place; it is left as it is.
        StoreUnavailable: the files cannot be written.
    """
    agent = parse_agent(name)
    owners = _quoted(owner) if owner.strip() else ""
    texts = {
        MANIFEST: _MANIFEST_TEXT.format(
            name=agent, owner=owners, provider=EXAMPLE_PROVIDER, model=EXAMPLE_MODEL, prompt=PROMPT
        ),
        PROMPT: _PROMPT_TEXT.format(name=agent),
    }
    _refuse_existing(folder)
    try:
        _write_whole(folder, texts)
    except OSError as error:
        _refuse_existing(folder)
        raise StoreUnavailable(
            f"{folder}: cannot be written: {error.strerror or error}",
            kind="folder-not-writable",
            hint="check that the folder above it exists and can be written",
        ) from error
    return [folder / path for path in texts]


def _refuse_existing(folder: Path) -> None:
    try:
        empty = folder.is_dir() and not folder.is_symlink() and not os.listdir(folder)
    except OSError:
        empty = False
    if os.path.lexists(folder) and not empty:
        raise AlreadyExists(
            f"{folder} exists already and is left as it is",
            kind="agent-exists",
            hint="choose another name, or edit the agent.toml that is there",
            path=str(folder),
        )


def _write_whole(folder: Path, texts: dict[str, str]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    drafts = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".new", dir=folder.parent))
    try:
        for path, text in texts.items():
            target = drafts / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        drafts.chmod(0o777 & ~_umask_of(drafts / MANIFEST))
        drafts.rename(folder)  # replaces an empty folder, refuses any other
    finally:
        shutil.rmtree(drafts, ignore_errors=True)


def _umask_of(file: Path) -> int:
    """The process's umask as an ordinary new file shows it; ``mkdtemp`` makes a private folder."""
    mode = file.stat().st_mode
    return 0o777 & ~(mode | (mode & 0o444) >> 2)


def _quoted(text: str) -> str:
    """A TOML basic string."""
    if any(not character.isprintable() for character in text):
        raise InvalidInput(f"{text!a} cannot be an owner", kind="invalid-owner", hint="use a name or an e-mail address")
    return '"' + text.strip().replace("\\", "\\\\").replace('"', '\\"') + '"'
