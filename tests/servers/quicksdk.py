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
    Loader.load_service_model = _by_arguments(Loader.load_service_model)
    Loader.load_data = _by_arguments(Loader.load_data, only=lambda name: "/" not in name)


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


def _by_arguments(asked: Callable[..., Any], only: Callable[[str], bool] = bool) -> Callable[..., Any]:
    """What is in the SDK's own data, as it is after the SDK made use of it, for each way of reading files."""
    known: dict[tuple[object, ...], Any] = {}

    def load(self: Any, name: str, *more: Any, **named: Any) -> Any:
        folders = [folder for folder in self.search_paths if folder != self.BUILTIN_DATA_PATH]
        if not only(name) or any(os.path.isdir(folder) for folder in folders):  # somebody has data of their own
            return asked(self, name, *more, **named)
        place = (type(self.file_loader), name, more, tuple(sorted(named.items())))
        if place not in known:
            known[place] = asked(self, name, *more, **named)
        return known[place]

    return load
