"""What the SDK works out anew for each client, worked out once: tests make hundreds of clients in one process.

A command makes one client and ends. Here one process runs hundreds of commands, and a third of all their time would go
into reading the same model of S3, asking the same functions for their signatures and renaming the same events. Nothing
of it depends on the settings, so every client is the one that it would have been.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import cache
from typing import Any


@cache
def remember() -> None:
    """From here on the SDK does it once; asking again changes nothing."""
    from botocore import hooks
    from botocore.loaders import Loader

    hooks.accepts_kwargs = _by_code(hooks.accepts_kwargs)
    hooks.EventAliaser._alias_event_name = _by_name(hooks.EventAliaser._alias_event_name)
    Loader.load_data_with_path = _by_place(Loader.load_data_with_path)


def _by_code(asked: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def accepts_kwargs(function: Any) -> Any:
        code = getattr(function, "__code__", None)
        return asked(function) if code is None else bool(code.co_flags & inspect.CO_VARKEYWORDS)

    return accepts_kwargs


def _by_name(asked: Callable[[Any, str], str]) -> Callable[[Any, str], str]:
    """All clients rename events by the same table."""
    known: dict[str, str] = {}

    def alias_event_name(self: Any, name: str) -> str:
        if name not in known:
            known[name] = asked(self, name)
        return known[name]

    return alias_event_name


def _by_place(asked: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """A file of the SDK's own data; one that somebody put into a folder of theirs is read as ever."""
    known: dict[tuple[str, type], Any] = {}

    def load_data_with_path(self: Any, name: str) -> Any:
        place = name, type(self.file_loader)
        if any(os.path.isdir(folder) for folder in self.search_paths if folder != self.BUILTIN_DATA_PATH):
            return asked(self, name)
        if place not in known:
            known[place] = asked(self, name)
        return known[place]

    return load_data_with_path
