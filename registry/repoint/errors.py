"""The errors that Repoint raises: one root, few classes, chosen by what the reader of the message can do about it.

Each class has one exit code. ``kind`` is an append-only name for programs, ``facts`` are the details as plain values
and ``hint`` says what to do next. Third-party exceptions are translated where they arise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

Fact = None | bool | int | str | Sequence[str] | Sequence[Mapping[str, str | int | None]]


class RepointError(Exception):
    """Root of all errors of this library; ``message`` says what and where, ``hint`` what to do."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, kind: str, hint: str | None = None, **facts: Fact) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.hint = hint
        self.facts = facts

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process boundaries whole."""
        return _restored, (type(self), {"message": self.message, "kind": self.kind, "hint": self.hint, **self.facts})


def _restored(kind: type[RepointError], fields: dict[str, object]) -> RepointError:
    return kind(**fields)  # type: ignore[arg-type]


class UsageError(RepointError):
    """The command line cannot be carried out as it is written."""

    exit_code = 2


class InvalidInput(RepointError):
    """Something that a person wrote (a manifest, a name, a file) is refused; nothing was done."""

    exit_code = 3


class NotFound(RepointError):
    """The agent, version, environment or file asked for does not exist."""

    exit_code = 4


class AlreadyExists(RepointError):
    """The name is taken by other content; what is stored stays as it is."""

    exit_code = 5


class Conflict(RepointError):
    """Somebody else decided first, or two sources disagree; nothing was done."""

    exit_code = 6


class GateRefused(RepointError):
    """A rule of the environment (hold, yank, freeze, requires, gate) refuses the move; nothing was done."""

    exit_code = 7


class Corrupt(RepointError):
    """What is stored is not what was written; nothing was done, unless the message says that it is not known."""

    exit_code = 8


class StoreUnavailable(RepointError):
    """A store or a tool cannot be used now; nothing was done, and the same command may succeed later."""

    exit_code = 9


class OutcomeUnknown(RepointError):
    """A move may or may not have happened; ``facts["id"]`` names the record to resolve."""

    exit_code = 10


class NotConfirmed(RepointError):
    """The move is done, but not every reader confirmed it in time."""

    exit_code = 11
