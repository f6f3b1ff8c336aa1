"""Who, when and why: the texts of a move or a release, checked before they stand in the history for ever.

Promises 7 and 9 meet here: a time is information, written and read in one form; words carry neither control characters
nor secrets. Every command that moves a pointer needs this module, so it imports little (benchmarks/README.md).
"""

from __future__ import annotations

import datetime
import re

from repoint.errors import InvalidInput
from repoint_schemas.documents import Identity

MAX_MESSAGE_BYTES = 64 * 1024
MAX_TICKET_LENGTH = 200
MAX_IDENTITY_LENGTH = 256

_UNPRINTABLE = "[\x00-\x1f\x7f-\x9f\ud800-\udfff]"
_TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z"


def checked_message(text: str) -> str:
    """The message with line feeds as line ends and without blanks around it.

    Raises:
        InvalidInput: empty, over 64 KiB as UTF-8, or with control characters other than line feed and tab.
    """
    unified = text.replace("\r\n", "\n")
    _refuse_unprintable(unified.replace("\n", "").replace("\t", ""), "the message")
    cleaned = unified.strip()
    if not cleaned:
        raise InvalidInput("the message is empty", kind="invalid-message", hint="say in -m what changed and why")
    if len(cleaned.encode()) > MAX_MESSAGE_BYTES:
        reason = f"the message has {len(cleaned.encode())} bytes, more than {MAX_MESSAGE_BYTES}"
        raise InvalidInput(reason, kind="invalid-message", hint="put long texts into a file of the agent or a ticket")
    return cleaned


def checked_ticket(text: str | None) -> str | None:
    """The ticket without blanks around it, None if empty. Raises: InvalidInput: over one line or 200 characters."""
    _refuse_unprintable(text or "", "the ticket")
    cleaned = (text or "").strip()
    if len(cleaned) > MAX_TICKET_LENGTH:
        reason = f"the ticket has {len(cleaned)} characters, more than {MAX_TICKET_LENGTH}"
        raise InvalidInput(reason, kind="invalid-ticket", hint="give its key or address, as in PAY-312")
    return cleaned or None


def check_words(message: str, ticket: str | None) -> None:
    """Refuse secrets, bidirectional and invisible characters in what will stand in the history for ever.

    Raises: InvalidInput.
    """
    from repoint.findings import refuse_findings
    from repoint.lint import lint_text

    found = [*lint_text("message", message), *(lint_text("ticket", ticket) if ticket else [])]
    refuse_findings(found, in_words=True)


def checked_identity(name: str, email: str) -> Identity:
    """Who did it, as Git can hold it. Raises: InvalidInput: empty, ``<`` ``>``, control or over 256 characters."""
    return Identity(email=_identity_part("e-mail address", email), name=_identity_part("name", name))


def time_text(seconds: int) -> str:
    """Unix seconds as RFC 3339 in UTC, from 1970 to 9999. Raises: InvalidInput."""
    if not 0 <= seconds <= 253402300799:
        raise InvalidInput(f"time {seconds} is not between the years 1970 and 9999", kind="invalid-time")
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_seconds(text: str) -> int:
    """Unix seconds of a time that ``time_text`` wrote. Raises: InvalidInput."""
    refusal = InvalidInput(f"{text!a} is not a time", kind="invalid-time", hint="write it as 2026-11-20T21:00:00Z")
    if not re.fullmatch(_TIME, text) or text < "1970" or text[11:13] > "23":
        raise refusal
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise refusal from error
    return int(moment.timestamp())


def _refuse_unprintable(text: str, what: str) -> None:
    if text.isascii() and text.isprintable():
        return  # without compiling anything: every move passes here
    if match := re.search(_UNPRINTABLE, text):
        reason = f"{what} holds the control character U+{ord(match[0]):04X}"
        raise InvalidInput(reason, kind="control-character", hint="remove it")


def _identity_part(what: str, text: str) -> str:
    _refuse_unprintable(text, f"the {what}")
    cleaned = text.strip()
    if cleaned and len(cleaned) <= MAX_IDENTITY_LENGTH and "<" not in cleaned and ">" not in cleaned:
        return cleaned
    raise InvalidInput(
        f"{cleaned[:MAX_IDENTITY_LENGTH]!a} cannot be recorded as the {what} of whoever does this",
        kind="invalid-identity",
        hint=f"use 1 to {MAX_IDENTITY_LENGTH} characters without < and >, set by git config user.name and user.email",
    )
