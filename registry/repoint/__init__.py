"""Repoint: immutable versions of AI agents, one pointer per environment, rollback by moving it.

The names in ``__all__`` are public and stable; docs/library.md shows them at work. Each is imported when it is first
used, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repoint.active import Active
    from repoint.aio import AsyncReader
    from repoint.errors import (
        AlreadyExists,
        Conflict,
        Corrupt,
        GateRefused,
        InvalidInput,
        NotConfirmed,
        NotFound,
        OutcomeUnknown,
        RepointError,
        StoreUnavailable,
        UsageError,
    )
    from repoint.export import export_version
    from repoint.flags import OpenFeatureProvider
    from repoint.follower import Change
    from repoint.moves import Promote, Restore, RollBackTo, Stamp, StepDown
    from repoint.names import Ref, parse_agent, parse_environment, parse_ref, parse_version
    from repoint.pointer import Outcome, move, plan
    from repoint.reader import Pinned, Reader, Staleness
    from repoint.registry import Registry
    from repoint.verify import verify
    from repoint.workspace import Workspace, open_workspace

_PLACES = {
    "repoint.active": ("Active",),
    "repoint.aio": ("AsyncReader",),
    "repoint.errors": (
        "AlreadyExists",
        "Conflict",
        "Corrupt",
        "GateRefused",
        "InvalidInput",
        "NotConfirmed",
        "NotFound",
        "OutcomeUnknown",
        "RepointError",
        "StoreUnavailable",
        "UsageError",
    ),
    "repoint.export": ("export_version",),
    "repoint.moves": ("Promote", "Restore", "RollBackTo", "Stamp", "StepDown"),
    "repoint.names": ("Ref", "parse_agent", "parse_environment", "parse_ref", "parse_version"),
    "repoint.pointer": ("Outcome", "move", "plan"),
    "repoint.flags": ("OpenFeatureProvider",),
    "repoint.follower": ("Change",),
    "repoint.reader": ("Pinned", "Reader", "Staleness"),
    "repoint.registry": ("Registry",),
    "repoint.verify": ("verify",),
    "repoint.workspace": ("Workspace", "open_workspace"),
}

__all__ = [
    "Active",
    "AlreadyExists",
    "AsyncReader",
    "Change",
    "Conflict",
    "Corrupt",
    "GateRefused",
    "InvalidInput",
    "NotConfirmed",
    "NotFound",
    "OpenFeatureProvider",
    "Outcome",
    "OutcomeUnknown",
    "Pinned",
    "Promote",
    "Reader",
    "Ref",
    "Registry",
    "RepointError",
    "Restore",
    "RollBackTo",
    "Staleness",
    "Stamp",
    "StepDown",
    "StoreUnavailable",
    "UsageError",
    "Workspace",
    "export_version",
    "move",
    "open_workspace",
    "parse_agent",
    "parse_environment",
    "parse_ref",
    "parse_version",
    "plan",
    "verify",
]


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    for module, names in _PLACES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
