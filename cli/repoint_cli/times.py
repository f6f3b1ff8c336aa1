"""Moments as people write and read them: RFC 3339 with UTC where no zone is given, and spans of time in words."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING

from repoint.errors import InvalidInput

if TYPE_CHECKING:
    from repoint_cli.session import Session

_FORM = r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d)?)?"


def parse_moment(session: Session, text: str) -> int:
    """Unix seconds of an RFC 3339 time; a missing zone means UTC, and a note says so. Raises: InvalidInput."""
    moment = _read(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
        session.console.warn(f"{text} has no zone: taken as UTC")
    return int((moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)).total_seconds())


def _read(text: str) -> datetime.datetime:
    """RFC 3339, section 5.6: letters in either case, a blank instead of T; date alone, or without seconds, as well."""
    try:
        if not re.fullmatch(_FORM, text, re.ASCII):
            raise ValueError(text)
        return datetime.datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise InvalidInput(
            f"{text!a} is not a time", kind="invalid-time", hint="write it as RFC 3339, as in 2026-11-20T21:00:00Z"
        ) from error


def ago(seconds: int) -> str:
    """A span of time in words: the two largest units, as ``2 d 3 h``."""
    if seconds < 0:
        return "in the future (clocks disagree)"
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    named = [f"{n} {unit}" for n, unit in parts if n]
    return " ".join(named[:2]) or "0 s"


def age(seconds: int) -> str:
    """A span of time as one number and unit, for a table: ``5s``, ``12m``, ``3h``, ``20d``, ``2y``."""
    if seconds < 0:
        return "?"
    for unit, size, most in (("s", 1, 60), ("m", 60, 3600), ("h", 3600, 86400), ("d", 86400, 2 * 365 * 86400)):
        if seconds < most:
            return f"{seconds // size}{unit}"
    return f"{seconds // (365 * 86400)}y"


def day(time_text: str) -> str:
    """The day of a recorded time with its weekday: ``Fri 2026-11-20``."""
    date = datetime.date.fromisoformat(time_text[:10])
    return f"{('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')[date.weekday()]} {date}"


def since(time_text: str, now: int) -> int:
    """Seconds from a recorded time until now. Raises: InvalidInput."""
    from repoint.stamps import time_seconds

    return now - time_seconds(time_text)
