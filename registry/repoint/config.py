"""``repoint.toml``: read by every command, written by ``init``; the folders of agents that it names; the pin.

Promise 10 for the configuration: nothing that it says leads out of the folder it lies in, and a configuration that
disagrees with what this clone was pinned to (an old branch, a hostile pull request) stops every command before it does
anything. Accepting is fast; only a refusal imports what explains it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

from repoint.errors import Conflict, InvalidInput, NotFound
from repoint.names import parse_agent
from repoint.tomlsource import MAX_BYTES, parse_toml
from repoint_schemas.config import SCHEMA, Allowance, Config, Limits, S3Section, check_agent
from repoint_schemas.documents import AgentName, Pin

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "agent.toml"
CONFIG = "repoint.toml"


def read_config(path: str | os.PathLike[str], *, shown: str | None = None) -> Config:
    """Read ``repoint.toml``; ``shown`` is what messages call it.

    Raises:
        NotFound: there is no such file.
        InvalidInput: everything that is wrong, one line each, with ``facts["problems"]`` (path, line, key, message).
    """
    shown = str(path) if shown is None else shown
    return parse_config(_content(path, shown), shown)


def parse_config(source: bytes, shown: str) -> Config:
    """The configuration in the bytes of a ``repoint.toml``. Raises: InvalidInput, as ``read_config`` does."""
    values = parse_toml(source, shown)
    try:
        if values.get("schema") == SCHEMA:
            return msgspec.convert(values, Config)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise _explained(values, source, shown) from error
    raise _explained(values, source, shown)


def authority_text(config: Config) -> str:
    """What a pin calls the authority: ``local``, ``git``, or the bucket's address, with the endpoint if it has one."""
    section = config.s3
    if config.registry.authority != "s3" or section is None:
        return config.registry.authority
    return section.url + (f"?endpoint={section.endpoint_url}" if section.endpoint_url else "")


def check_pin(pin: Pin, config: Config) -> None:
    """Refuse a configuration that names another registry or authority than this clone was pinned to.

    Raises:
        Conflict: ``registry-mismatch``, naming both.
    """
    found = {"registry": config.registry.id, "authority": authority_text(config)}
    pinned = {"registry": pin.registry, "authority": pin.authority}
    wrong = [f"{key} is {found[key]!a}, pinned was {pinned[key]!a}" for key in found if found[key] != pinned[key]]
    if wrong:
        raise Conflict(
            f"{CONFIG} disagrees with what this clone was pinned to: {'; '.join(wrong)}; nothing was done",
            kind="registry-mismatch",
            hint=f"check out a branch with the right {CONFIG}, or use --registry . to go by the pin alone",
            registry=found["registry"],
            authority=found["authority"],
            pinned_registry=pinned["registry"],
            pinned_authority=pinned["authority"],
        )


def agent_folder(root: Path, config: Config, agent: AgentName) -> Path:
    """The one folder below ``root`` that is called like the agent and holds an ``agent.toml``. Links are not followed.

    Raises:
        NotFound: there is none; the hint names agents that are called alike.
        InvalidInput: there are several (``ambiguous-agent``).
    """
    patterns = [pattern.rpartition("/") for pattern in config.registry.agents]
    parents = {p for above, _, last in patterns if fnmatchcase(agent, last) for p in _matching(root, above)}
    found = [folder for folder in (parent / agent for parent in sorted(parents)) if _holds_agent(folder)]
    if len(found) > 1:
        raise _ambiguous(root, agent, found)
    if not found:
        raise _no_such_agent(root, config, agent, [parent / agent for parent in sorted(parents)])
    return found[0]


def agent_folders(root: Path, config: Config) -> dict[AgentName, Path]:
    """Every agent's folder below ``root``, by name. Links are not followed.

    Raises:
        InvalidInput: a folder's name is no agent's name, or two folders have the same one.
    """
    found: dict[AgentName, Path] = {}
    for folder in _folders(root, config):
        if problem := check_agent(folder.name):
            where = _shown(root, folder / MANIFEST)
            raise InvalidInput(
                f"{where}: the folder's name {problem}", kind="invalid-agent-name", hint="rename the folder"
            )
        agent = parse_agent(folder.name)
        if agent in found:
            raise _ambiguous(root, agent, [found[agent], folder])
        found[agent] = folder
    return dict(sorted(found.items()))


def write_config(config: Config) -> str:
    """The text of a ``repoint.toml`` that reads back as this configuration, with a comment on each key."""
    registry = config.registry
    lines = [
        "# The configuration of this registry. Tracked in Git: every clone and every command reads it.",
        f"schema = {_text(SCHEMA)}",
        "",
        "[registry]",
        "# Never change the id: it is what versions and environments belong to.",
        f"id = {_text(registry.id)}",
        "# Folders that hold an agent.toml, relative to this file.",
        f"agents = {_texts(registry.agents)}",
        f"environments = {_texts(registry.environments)}",
        "# What rollback moves unless --env is given.",
        f"default_environment = {_text(registry.default_environment)}",
        "# The one store that decides: local | git | s3. It is changed by repoint migrate only.",
        f"authority = {_text(registry.authority)}",
    ]
    if config.git is not None:
        lines += ["", "[git]", f"remote = {_text(config.git.remote)}"]
    if config.s3 is not None:
        lines += ["", "[s3]", *_s3_lines(config.s3)]
    lines += _limit_lines(config.limits)
    for allowance in config.allow:
        lines += ["", "[[allow]]", *_allow_lines(allowance)]
    return "\n".join(lines) + "\n"


# -- reading ---------------------------------------------------------------------------------------------------------


def _content(path: str | os.PathLike[str], shown: str) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InvalidInput(f"{shown}: not a regular file", kind="unreadable-config", path=shown)
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        hint = "go to a folder of a registry, give -C DIR or --registry URL, or make one with repoint init"
        raise NotFound(f"{shown}: there is no such file", kind="config-not-found", hint=hint, path=shown) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInput(f"{shown}: cannot be read: {reason}", kind="unreadable-config", path=shown) from error


def _explained(values: dict[str, object], source: bytes, shown: str) -> InvalidInput:
    from repoint.configproblems import explain

    return explain(values, source.decode(), shown)


# -- folders ---------------------------------------------------------------------------------------------------------


def _folders(root: Path, config: Config) -> list[Path]:
    folders = {folder for pattern in config.registry.agents for folder in _matching(root, pattern)}
    return sorted(folder for folder in folders if _holds_agent(folder))


def _matching(root: Path, pattern: str) -> Iterator[Path]:
    """The folders below ``root`` that the pattern names, level by level; never through a link, never into ``.git``."""
    if not pattern:
        yield root
        return
    above, _, last = pattern.rpartition("/")
    for parent in _matching(root, above):
        yield from (parent / name for name in _subfolders(parent) if _matches(name, last))


def _matches(name: str, pattern: str) -> bool:
    """As a shell does: a leading dot is matched by a leading dot only."""
    return fnmatchcase(name, pattern) and (not name.startswith(".") or pattern.startswith(".")) and name != ".git"


def _subfolders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInput(f"{folder}: cannot be listed: {reason}", kind="unreadable-folder") from error


def _holds_agent(folder: Path) -> bool:
    return not folder.is_symlink() and os.path.lexists(folder / MANIFEST)


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _ambiguous(root: Path, agent: AgentName, found: list[Path]) -> InvalidInput:
    places = [_shown(root, folder) for folder in found]
    return InvalidInput(
        f"agent {agent} has several folders: {', '.join(places)}",
        kind="ambiguous-agent",
        hint=f"rename one of them, or narrow registry.agents in {CONFIG}",
        folders=places,
    )


def _no_such_agent(root: Path, config: Config, agent: AgentName, places: list[Path]) -> NotFound:
    import difflib

    links = [_shown(root, place) for place in places if place.is_symlink()]
    near = difflib.get_close_matches(agent, {folder.name for folder in _folders(root, config)}, n=3)
    if links:
        hint = f"{links[0]} is a symbolic link, and links are not followed"
    elif near:
        hint = f"did you mean {', '.join(near)}?"
    else:
        hint = f"repoint new {agent} makes one"
    message = f"there is no agent {agent} in {', '.join(config.registry.agents)}"
    return NotFound(message, kind="agent-not-found", hint=hint, near=near)


# -- writing ---------------------------------------------------------------------------------------------------------


def _text(text: str) -> str:
    """A string of TOML."""
    import tomli_w

    return tomli_w.dumps({"text": text}).removeprefix("text = ").rstrip("\n")


def _texts(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_text, texts))}]"


def _s3_lines(section: S3Section) -> list[str]:
    texts = {key: getattr(section, key) for key in ("url", "endpoint_url", "region", "profile")}
    lines = [f"{key} = {_text(value)}" for key, value in texts.items() if value is not None]
    return lines if section.path_style is None else [*lines, f"path_style = {str(section.path_style).lower()}"]


def _limit_lines(limits: Limits) -> list[str]:
    if limits == Limits():
        return []
    return ["", "[limits]", *(f"{key} = {getattr(limits, key)}" for key in limits.__struct_fields__)]


def _allow_lines(allowance: Allowance) -> list[str]:
    agent = [] if allowance.agent is None else [f"agent = {_text(allowance.agent)}"]
    return [f"rule = {_text(allowance.rule)}", *agent, f"reason = {_text(allowance.reason)}"]
