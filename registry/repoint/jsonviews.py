"""Reading decoded JSON that nobody has checked: typed views that never raise, equality, and local references.

Documents under comparison come from outside and may be anything. Every view answers with the empty value of its kind
where the document holds something else, and every walk is iterative and bounded, so that neither nesting nor cycles
(YAML aliases can tie them) cost more than the budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

MAX_NODES = 4_000_000
"""Values that one walk visits; a document of 4 MB holds fewer than half as many."""
MAX_TEXT = 20_000
"""Characters of a value that a change carries along."""
MAX_VALUES = 20
"""Values of a list that a change carries along."""


class Missing:
    """What a reference leads to when it leads nowhere."""


MISSING = Missing()


def mapping(value: object) -> dict[str, object]:
    """The object that this is, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[object]:
    """The list that this is, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The string that this is, else None."""
    return value if isinstance(value, str) else None


def number(value: object) -> int | float | None:
    """The number that this is, else None; true and NaN are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124
        return None
    return value


def strings(value: object) -> list[str]:
    """The strings in this list."""
    return [each for each in sequence(value) if isinstance(each, str)]


def same_words(old: object, new: object) -> bool:
    """Whether two texts differ in white space at most."""
    return isinstance(old, str) and isinstance(new, str) and old.split() == new.split()


def value_key(value: object) -> str:
    """Equal for equal JSON values (1 is 1.0 but not true), so that values can be looked up."""
    if isinstance(value, str):
        return f'"{value}'
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return msgspec.json.encode(value, order="sorted").decode()
    except (RecursionError, TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        return f"{type(value).__name__} that cannot be written"


def equal_values(old: object, new: object) -> bool:
    """Equality of JSON values of any nesting. Values that are too many to compare differ."""
    try:
        if old != new and not isinstance(old, float):
            return False
    except RecursionError:
        pass
    todo: list[tuple[object, object]] = [(old, new)]
    for _ in range(MAX_NODES):
        if not todo:
            return True
        before, after = todo.pop()
        if isinstance(before, dict) and isinstance(after, dict):
            if before.keys() != after.keys():
                return False
            todo.extend((before[key], after[key]) for key in before)
        elif isinstance(before, list) and isinstance(after, list):
            if len(before) != len(after):
                return False
            todo.extend(zip(before, after, strict=True))
        elif not _same_scalar(before, after):
            return False
    return False


def _same_scalar(old: object, new: object) -> bool:
    if isinstance(old, float) and isinstance(new, float) and old != old:  # noqa: PLR0124
        return new != new  # noqa: PLR0124
    return isinstance(old, bool) == isinstance(new, bool) and old == new


def walk(value: object) -> Iterator[object]:
    """Every value in a document, each container once, in no particular order."""
    todo, seen = [value], set[int]()
    for _ in range(MAX_NODES):
        if not todo:
            return
        each = todo.pop()
        yield each
        if isinstance(each, dict | list) and id(each) not in seen:
            seen.add(id(each))
            todo.extend(each.values() if isinstance(each, dict) else each)


def with_text_keys(value: object) -> object:
    """The value itself where all keys are text, else a copy with them written out (YAML reads ``200:`` as a number)."""
    todo, seen = [value], set[int]()
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            if not _all_text(each):
                return _text_keys(value, 0)
            todo += [inner for inner in each.values() if isinstance(inner, dict | list)]
        elif isinstance(each, list):
            todo += [inner for inner in each if isinstance(inner, dict | list)]
    return value


def _all_text(keys: dict[str, object]) -> bool:
    """Joining is the quickest way to look at all of them."""
    try:
        "".join(keys)
    except TypeError:
        return False
    return True


def _text_keys(value: object, depth: int) -> object:
    if depth > 200:
        return None
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): _text_keys(each, depth + 1) for key, each in value.items()}
    return [_text_keys(each, depth + 1) for each in value] if isinstance(value, list) else value


def is_written_alike(old: object, new: object, unless: bytes) -> bool:
    """Whether two values are the same to the letter, and ``unless`` occurs nowhere in them. Quick, and cautious."""
    try:
        written = msgspec.json.encode(old)
        return written == msgspec.json.encode(new) and unless not in written
    except (RecursionError, TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        return False


def clipped(value: object) -> object:
    """The value as a change may carry it: long text and long lists cut short, and what is nested as one line."""
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}… ({len(value):,} characters)"
    if isinstance(value, list) and len(value) > MAX_VALUES:
        return [*(clipped(each) for each in value[:MAX_VALUES]), f"… {len(value) - MAX_VALUES:,} more"]
    if isinstance(value, dict | list):
        written = value_key(value)
        return value if len(written) <= MAX_TEXT else f"{written[:200]}… ({len(written):,} characters)"
    return value


def resolve(root: object, reference: str) -> object:
    """What a reference inside this document means, by RFC 6901; MISSING for all others. No other is ever followed."""
    if not reference.startswith("#"):
        return MISSING
    if reference in ("#", "#/"):
        return root
    if not reference.startswith("#/"):
        return _anchored(root, reference[1:])
    value = root
    for part in unquote(reference[2:]).split("/"):
        value = _member(value, part.replace("~1", "/").replace("~0", "~"))
    return value


def _member(value: object, key: str) -> object:
    if isinstance(value, dict):
        return value.get(key, MISSING)
    if isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 8 and int(key) < len(value):
        return value[int(key)]
    return MISSING


def _anchored(root: object, name: str) -> object:
    for each in walk(root):
        if isinstance(each, dict) and name in (each.get("$anchor"), each.get("$dynamicAnchor")):
            return each
        if isinstance(each, dict) and each.get("$id", each.get("id")) == f"#{name}":
            return each
    return MISSING
