"""One run of a command: the opened registry, who is asking, what time it is.

The environment and the clock are read here only.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from repoint.authority import BUCKET
from repoint.errors import Corrupt, InvalidInput, NotFound, RepointError, StoreUnavailable, UsageError
from repoint.names import parse_environment
from repoint.s3keys import Address, parse_address
from repoint.workspace import Workspace, environment_error, open_bucket, open_workspace, path_of_address
from repoint_cli.options import Settings
from repoint_cli.output import Console, safe
from repoint_schemas.documents import EnvironmentName, Identity

if TYPE_CHECKING:
    from repoint.gitrepo import GitRepository
    from repoint.moves import Stamp

IDENTITY_HINT = """git config --global user.name "Your Name"; git config --global user.email you@example.com
or for one command: REPOINT_ACTOR="Your Name <you@example.com>" repoint ..."""


class Session(msgspec.Struct, frozen=True):
    """What a command works with."""

    workspace: Workspace
    console: Console
    settings: Settings

    def environment(self, name: str | None) -> EnvironmentName:
        """The environment named, or the configured default. Raises: InvalidInput."""
        return self.workspace.default_environment if name is None else parse_environment(name)

    def identity(self, *, fall_back: bool = False) -> Identity:
        """Who is asking: REPOINT_ACTOR, else Git's user.name and user.email.

        With ``fall_back`` (a rollback at 3 a.m. on a machine that nobody set up) the account of the operating system
        stands in, with a warning.

        Raises:
            InvalidInput: nobody is configured, or what is configured cannot be recorded.
        """
        try:
            return first_identity(self.workspace.repository)
        except InvalidInput as error:
            if not fall_back:
                raise
            account = _account()
            self.console.warn(f"{safe(error.message)}: recorded as {account.name} <{account.email}>")
            return account

    def new_stamp(self, message: str, ticket: str | None, *, fall_back: bool = False) -> Stamp:
        """A fresh stamp: this identity, this second, a new id."""
        import uuid

        from repoint.moves import Stamp
        from repoint.stamps import check_words, checked_message, checked_ticket, time_text

        message, ticket = checked_message(message) if message.strip() else "", checked_ticket(ticket)
        if message or ticket:
            check_words(message, ticket)
        identity = self.identity(fall_back=fall_back)
        return Stamp(identity, time_text(int(time.time())), str(uuid.uuid4()), message, ticket)


@contextmanager
def opened(settings: Settings, *, offline: bool = False) -> Iterator[Session]:
    """Open the registry that the global options name, and close it at the end.

    With ``offline`` it is what the repository has of it, and no network is touched.

    Raises:
        RepointError: as ``open_workspace``; a missing environment is explained by what the clone lacks.
    """
    workspace = _opened(settings, offline=offline)
    try:
        yield Session(workspace, settings.console, settings)
    except (NotFound, Corrupt) as error:
        better: RepointError = environment_error(workspace, error)
        if better is not error:
            raise better from error
        if isinstance(error, Corrupt):
            raise
        from repoint_cli.suggest import improve

        improve(workspace, error)
        raise
    finally:
        workspace.close()


def _opened(settings: Settings, *, offline: bool) -> Workspace:
    address = settings.registry
    if address and address.startswith(BUCKET):
        if offline:
            raise StoreUnavailable(f"{address!a} is not asked", kind="offline")
        bucket = checked_bucket(address)
        return open_bucket(bucket, state_folder(str(bucket)))
    folder = path_of_address(address) if address else settings.directory
    if address and not os.path.isabs(folder):
        folder = os.path.join(settings.directory, folder)
    with line_feeds_explained(folder):
        found = open_workspace(folder, os.environ, by_address=bool(address), offline=offline)
        return found.as_last_seen() if offline else found


def checked_bucket(text: str, endpoint: str | None = None) -> Address:
    """A bucket's address as it is typed: ``s3://BUCKET/PREFIX``, ``?endpoint=URL`` behind it. Raises: UsageError."""
    from repoint_schemas.config import check_bucket_url, check_endpoint

    address = parse_address(text)
    found = address._replace(endpoint=endpoint or address.endpoint)
    problem = check_bucket_url(found.url) or (check_endpoint(found.endpoint) if found.endpoint else None)
    if problem:
        raise UsageError(f"{text!a} {problem}", kind="invalid-address", hint="as in s3://acme-agents/repoint")
    return found


def state_folder(address: str) -> str:
    """Where this account remembers what it saw of a bucket that it opened without a clone (XDG base directories)."""
    import hashlib

    home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(home, "repoint", hashlib.sha256(address.encode()).hexdigest()[:32])


@contextmanager
def line_feeds_explained(folder: str) -> Iterator[None]:
    """Say of a failure in a folder with a line feed in its path that this is why. Raises: InvalidInput."""
    try:
        yield
    except RepointError as error:
        path = os.path.realpath(folder)
        if "\n" not in path or isinstance(error, NotFound):
            raise
        raise InvalidInput(
            f"the path {path!a} holds a line feed, so what Git says of it cannot be read",
            kind="line-feed-in-path",
            hint="rename the folder so that its name is on one line",
        ) from error


def first_identity(repository: GitRepository | None) -> Identity:
    """Who is asking, as it can be recorded. Raises: InvalidInput."""
    from repoint.stamps import checked_identity

    found = _identity(repository)
    if found is None:
        raise _nobody()
    return checked_identity(found.name, found.email)


def _identity(repository: GitRepository | None) -> Identity | None:
    actor = os.environ.get("REPOINT_ACTOR")
    if actor:
        return parse_actor(actor)
    return repository.identity() if repository else None


def _nobody() -> InvalidInput:
    return InvalidInput("it is not known who you are", kind="no-identity", hint=IDENTITY_HINT)


def now() -> int:
    """Unix time in seconds."""
    return int(time.time())


def parse_actor(text: str) -> Identity:
    """Read ``Name <email>``. Raises: InvalidInput."""
    name, bracket, rest = text.strip().partition("<")
    email, closed, after = rest.partition(">")
    if not (name.strip() and bracket and email.strip() and closed and not after):
        raise InvalidInput(
            f"REPOINT_ACTOR {text!a} is not an identity",
            kind="invalid-actor",
            hint='write it as "Kim Doe <kim@acme.example>"',
        )
    return Identity(email=email.strip(), name=name.strip())


def _account() -> Identity:
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    name = re.sub(r"[^\w.@-]", "", user)[:64] or f"uid-{os.getuid()}"
    host = re.sub(r"[^\w.-]", "", socket.gethostname())[:128] or "localhost"
    return Identity(email=f"{name}@{host}", name=name)
