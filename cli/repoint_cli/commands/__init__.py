"""The table of commands: where each one lives and what the help says of it, without importing any of them."""

from __future__ import annotations

from typing import NamedTuple


class Spec(NamedTuple):
    """One command: its section in the help, module, attribute and one-line summary."""

    section: str
    module: str
    attribute: str
    summary: str


_START, _VERSIONS, _LIVE = "Start", "Versions (published once, never changed)", "Live (what runs where)"
_GATES, _CARE = "Holds and freezes (what may become live)", "Care"
SECTIONS = (_START, _VERSIONS, _LIVE, _GATES, _CARE)

COMMANDS: dict[str, Spec] = {
    "init": Spec(_START, "init", "init", "Make this repository a registry, or join one that is."),
    "new": Spec(_START, "new", "new", "Scaffold an agent: agents/AGENT/agent.toml and its files."),
    "check": Spec(_START, "check", "check", "Lint working copies: pins, secrets, invisible characters."),
    "status": Spec(_START, "status", "status", "What is live where, what changed, what needs attention."),
    "commit": Spec(_VERSIONS, "commit", "commit", "Publish the working copy as an immutable version."),
    "list": Spec(_VERSIONS, "versions", "list_versions", "Versions, with where each is live."),
    "log": Spec(_VERSIONS, "versions", "log", "The releases of one agent: who, when, why."),
    "show": Spec(_VERSIONS, "versions", "show", "One release in full."),
    "diff": Spec(_VERSIONS, "diff", "diff", "What changed between two versions."),
    "export": Spec(_VERSIONS, "export", "export", "Write a version's files to a directory, verified."),
    "promote": Spec(_LIVE, "move", "promote", "Make versions live in an environment, as one record."),
    "rollback": Spec(_LIVE, "rollback", "rollback", "Get off a bad version: one command, no gates."),
    "run": Spec(_LIVE, "run", "run", "Start a process with the live version, as files."),
    "history": Spec(_LIVE, "history", "history", "What was live when, who moved it, why."),
    "unhold": Spec(_GATES, "move", "unhold", "Allow a version that was rolled back from again."),
    "yank": Spec(_GATES, "move", "yank", "Mark a version bad everywhere."),
    "unyank": Spec(_GATES, "move", "unyank", "Take a yank back."),
    "freeze": Spec(_GATES, "move", "freeze", "Refuse promotes to an environment; rollback still works."),
    "unfreeze": Spec(_GATES, "move", "unfreeze", "Allow promotes again."),
    "sync": Spec(_CARE, "sync", "sync", "Bring every replica up to the store that decides."),
    "resolve": Spec(_CARE, "resolve", "resolve", "Settle a move whose outcome is unknown."),
    "migrate": Spec(_CARE, "migrate", "migrate", "Hand the registry over to another store."),
    "verify": Spec(_CARE, "verify", "verify", "Check every promise over the whole registry."),
    "doctor": Spec(_CARE, "doctor", "doctor", "Check that stores and tools are fit for use."),
    "completion": Spec(_CARE, "completion", "completion", "Print the shell completion for bash, zsh or fish."),
}

WRITING = frozenset(
    (
        *("init", "new", "commit", "export", "promote", "rollback", "resolve", "sync", "migrate", "run"),
        *("unhold", "yank", "unyank", "freeze", "unfreeze"),
    )
)
"""The commands that change something."""
