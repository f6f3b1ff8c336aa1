"""Where a Git remote is, and what it says: addresses that are used, and words without what nobody may read.

Promise 10: an address may not name a program to run (``ext::``), and only https, SSH and paths are used. Both addresses
and error messages can hold a password, which is masked.
"""

from __future__ import annotations

import re

from repoint.errors import InvalidInput, NotFound

WORDS = 600
"""The most characters of a remote's words in a message."""

_ADDRESS = r"(?:https|ssh|file)://.+|(?![A-Za-z0-9+.-]*://)(?![A-Za-z0-9_]*::)(?!-).+"
_SSH = r"ssh://.*|(?!file:|https:)(?:\[[^\]]*\]|[^/:\[]+):.*"
_LISTED = r"([^\t]+)\t(.*) \((fetch|push)\)(?: \[[^\]]*\])?"
_CREDENTIALS = r"(?<=://)[^/@\s]+@"


def address_in(listing: str, name: str) -> str:
    """The one address of a remote in what ``git remote -v`` lists.

    Raises:
        NotFound: there is no such remote, or no address of it.
        InvalidInput: several addresses, different ones to fetch and to push, or one that is not used.
    """
    lines = [found for line in listing.split("\n") if (found := re.fullmatch(_LISTED, line))]
    addresses = [found[2] for found in lines if found[1] == name]
    if not addresses:
        raise NotFound(
            f"this clone has no remote called {name}",
            kind="no-such-remote",
            hint=f"git remote add {name} ADDRESS",
            remote=name,
        )
    if len(addresses) != 2 or addresses[0] != addresses[1]:
        raise InvalidInput(
            f"the remote {name} has several addresses; what decides must be one place",
            kind="remote-address",
            hint="add a remote of its own for the registry, with one address to fetch from and to push to",
            remote=name,
        )
    return checked_address(name, addresses[0])


def checked_address(name: str, address: str) -> str:
    """The address of a remote. Raises: InvalidInput, unless it is https, ssh, file, scp-like or a path."""
    if re.fullmatch(_ADDRESS, address) and address.isprintable():
        return address
    raise InvalidInput(
        f"the remote {name} has the address {masked(address)!a}, which Repoint does not use",
        kind="remote-address",
        hint="use an address of https://, ssh://, file://, HOST:PATH, or a path",
        remote=name,
    )


def is_by_ssh(address: str) -> bool:
    """Whether Git reaches the address by SSH."""
    return re.fullmatch(_SSH, address) is not None


def said_by(error: str) -> str:
    """The words of Git and of the remote in one line, without its hints and without credentials."""
    lines = (line.strip().removeprefix("remote:").strip() for line in masked(error).splitlines())
    return "; ".join(line for line in lines if line and not line.startswith("hint:"))[:WORDS]


def masked(text: str) -> str:
    """The text without what stands before the ``@`` of an address."""
    return re.sub(_CREDENTIALS, "***@", text)
