"""Moments as people write them: RFC 3339, with UTC where no zone is given."""

from __future__ import annotations

import datetime

from repoint.errors import InvalidInput
from repoint_cli.session import Session


def parse_moment(session: Session, text: str) -> int:
    """Unix seconds of an RFC 3339 time; a missing zone means UTC, and a note says so. Raises: InvalidInput."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{text!a} is not a time", kind="invalid-time", hint="write it as RFC 3339, as in 2026-11-20T21:00:00Z"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
        session.console.warn(f"{text} has no zone: taken as UTC")
    return int(moment.timestamp())
