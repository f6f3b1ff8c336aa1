"""Which operation, media type and answer of an old API document became which of the new one."""

from __future__ import annotations

from collections.abc import Iterable

from repoint.jsonviews import text
from repoint.openapiview import Operation, Response


def paired_operations(
    old: dict[str, Operation], new: dict[str, Operation]
) -> tuple[list[tuple[Operation, Operation]], list[Operation], list[Operation]]:
    """By the letter of their paths first, then with the names of path parameters left out."""
    pairs = [(old[key], new[key]) for key in old if key in new]
    left = {each.key: each for key, each in new.items() if key not in old}
    gone = []
    for key, before in old.items():
        if key not in new:
            after = left.pop(before.key, None)
            if after is None:
                gone.append(before)
            else:
                pairs.append((before, after))
    paired = {id(after) for _, after in pairs}
    return pairs, gone, [each for each in new.values() if id(each) not in paired]


def same_operation_ids(gone: Iterable[Operation], come: Iterable[Operation]) -> dict[str, Operation]:
    """Where operations that are gone live on under the same operationId, by their labels."""
    names: dict[str, list[Operation]] = {}
    for each in come:
        name = text(each.raw.get("operationId"))
        if name is not None:
            names.setdefault(name, []).append(each)
    found: dict[str, Operation] = {}
    for each in gone:
        same = names.get(text(each.raw.get("operationId")) or "", [])
        if len(same) == 1:
            found[each.label] = same.pop()
    return found


def matched_types(old: dict[str, object], new: dict[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """``*/*`` and ``application/json`` are one where each side has only one."""
    if len(old) == len(new) == 1 and "*/*" in (*old, *new):
        name = next(iter(new))
        return {name: next(iter(old.values()))}, new
    return old, new


def is_success(code: str) -> bool:
    """Whether an answer with this code is no error."""
    return code[:1] in ("1", "2", "3")


def has_success(responses: dict[str, Response]) -> bool:
    """Whether an answer that is no error is announced by its code."""
    return any(map(is_success, responses))


def matched_codes(old: dict[str, Response], new: dict[str, Response]) -> dict[str, str]:
    """Which announced answer became which: the same code, else the range that holds it (``2XX``, ``default``)."""
    names = {code.upper(): code for code in new}
    found = {code: names[code.upper()] for code in old if code.upper() in names}
    if "default" in old and "default" not in new and not has_success(old):
        first = next(filter(is_success, new), None)
        found |= {} if first is None else {"default": first}
    for code in old:
        if code not in found:
            for other in new:
                alike = {code[1:].upper(), other[1:].upper()}
                if code[:1] == other[:1] and "XX" in alike and other not in found.values():
                    found[code] = other
                    break
    return found
