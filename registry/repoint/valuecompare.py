"""Comparing any JSON, YAML or TOML by its values: what was added, removed or changed, and at which path.

Nothing is known about what such a document means, so every change is minor: behaviour may change. The order of keys
means nothing. Lists are aligned by a name that their elements carry (``name``, ``id``, ``key``), else by the longest
common subsequence where that is affordable, else by which values occur how often.
"""

from __future__ import annotations

from collections import Counter

from repoint.changes import Kind, SpecComparison
from repoint.jsonviews import equal_values, same_words, value_key, with_text_keys
from repoint.specfindings import MAX_CHANGES, Findings

MAX_VALUE_DEPTH = 100
MAX_TABLE = 250_000
"""Cells of one table of common subsequences."""
MAX_CELLS = 5_000_000
"""Cells of all of them."""
MAX_PATH = 400
_IDENTITIES = ("name", "id", "key")
_KINDS: dict[str, tuple[Kind, str]] = {
    "value-added": ("added", "added"),
    "value-removed": ("removed", "removed"),
    "value-changed": ("changed", "value differs"),
    "order-changed": ("changed", "order differs"),
}


def compare_values(old: object, new: object) -> SpecComparison:
    """Every value that differs, by its path: ``retry.attempts``, ``[2]``, ``tools[name=search].limit``."""
    findings = Findings()
    if not equal_values(old, new):
        ValueComparison(findings).compare(with_text_keys(old), with_text_keys(new), "")
    return findings.result()


class ValueComparison:
    """One comparison; all its tables together keep within one budget."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self._cells = MAX_CELLS

    def compare(self, old: object, new: object, path: str, depth: int = 0) -> None:
        """Notes what differs at a path and beneath it."""
        if depth >= MAX_VALUE_DEPTH:
            self._too_deep(old, new, path)
        elif isinstance(old, dict) and isinstance(new, dict):
            for key in [*old, *(each for each in new if each not in old)]:
                self._member(old, new, key, _below(path, key), depth)
        elif isinstance(old, list) and isinstance(new, list):
            self._lists(old, new, path, depth)
        elif same_words(old, new) and str(old).strip() and old != new:
            self.findings.add("text-layout-changed", "changed", path or "the document", old=old, new=new,
                              reason="only white space differs")  # fmt: skip
        elif not equal_values(old, new):
            self._note("value-changed", path, old, new)

    def _member(self, old: dict[str, object], new: dict[str, object], key: str, path: str, depth: int) -> None:
        if key not in new:
            self._note("value-removed", path, old[key], None)
        elif key not in old:
            self._note("value-added", path, None, new[key])
        else:
            self.compare(old[key], new[key], path, depth + 1)

    def _too_deep(self, old: object, new: object, path: str) -> None:
        if not equal_values(old, new):
            self.findings.limit(f"values nested deeper than {MAX_VALUE_DEPTH} levels are compared as a whole")
            self._note("value-changed", path, old, new)

    def _note(self, rule: str, path: str, old: object, new: object) -> None:
        kind, words = _KINDS[rule]
        self.findings.add(rule, kind, path or "the document", old=old, new=new, reason=words, subject=rule)

    # -- lists -------------------------------------------------------------------------------------------------------

    def _lists(self, old: list[object], new: list[object], path: str, depth: int) -> None:
        identity = _identity(old, new)
        if identity is not None:
            self._named(old, new, identity, path, depth)
            return
        before, after = [value_key(each) for each in old], [value_key(each) for each in new]
        start = _common(before, after)
        end = _common(before[start:][::-1], after[start:][::-1])
        left, right = before[start : len(before) - end], after[start : len(after) - end]
        if len(left) == len(right) and not set(left) & set(right):
            for index in range(start, start + len(left)):
                self.compare(old[index], new[index], f"{path}[{index}]"[-MAX_PATH:], depth + 1)
            return
        cells = len(left) * len(right)
        if cells <= min(MAX_TABLE, self._cells):
            self._cells -= cells
            self._aligned(old, new, left, right, start, path, depth)
        else:
            self._counted(old, new, before, after, path)

    def _named(self, old: list[object], new: list[object], identity: str, path: str, depth: int) -> None:
        before = {str(each[identity]): each for each in old if isinstance(each, dict)}
        after = {str(each[identity]): each for each in new if isinstance(each, dict)}
        for name in [*before, *(each for each in after if each not in before)]:
            at = f"{path}[{identity}={name[:60]}]"[-MAX_PATH:]
            if name not in after:
                self._note("value-removed", at, before[name], None)
            elif name not in before:
                self._note("value-added", at, None, after[name])
            else:
                self.compare(before[name], after[name], at, depth + 1)
        if [each for each in before if each in after] != [each for each in after if each in before]:
            self._note("order-changed", path, list(before), list(after))

    def _aligned(
        self, old: list[object], new: list[object], left: list[str], right: list[str], start: int, path: str, depth: int
    ) -> None:
        """Runs between common elements: as many pairs as there are on both sides, the rest removed or added."""
        i = j = 0
        for upto_i, upto_j in [*_common_pairs(left, right), (len(left), len(right))]:
            paired = min(upto_i - i, upto_j - j)
            for step in range(paired):
                at = f"{path}[{start + j + step}]"[-MAX_PATH:]
                self.compare(old[start + i + step], new[start + j + step], at, depth + 1)
            for index in range(i + paired, upto_i):
                self._note("value-removed", f"{path}[{start + index}]"[-MAX_PATH:], old[start + index], None)
            for index in range(j + paired, upto_j):
                self._note("value-added", f"{path}[{start + index}]"[-MAX_PATH:], None, new[start + index])
            i, j = upto_i + 1, upto_j + 1

    def _counted(self, old: list[object], new: list[object], before: list[str], after: list[str], path: str) -> None:
        """Too long to be aligned: only which values are gone or new."""
        self.findings.limit("lists too long to be aligned are compared by which values they hold, not where")
        for rule, values, keys, others in (
            ("value-removed", old, before, Counter(after)),
            ("value-added", new, after, Counter(before)),
        ):
            found = _surplus(values, keys, others)
            for index, value in found[: MAX_CHANGES + 1]:
                pair = (value, None) if rule == "value-removed" else (None, value)
                self._note(rule, f"{path}[{index}]"[-MAX_PATH:], *pair)
        if Counter(before) == Counter(after):
            self._note("order-changed", path, f"{len(old):,} elements", f"{len(new):,} elements")


def _surplus(values: list[object], keys: list[str], others: Counter[str]) -> list[tuple[int, object]]:
    found = []
    for index, key in enumerate(keys):
        if others[key] > 0:
            others[key] -= 1
        else:
            found.append((index, values[index]))
    return found


def _identity(old: list[object], new: list[object]) -> str | None:
    """The key whose value tells all elements of both lists apart, if there is one."""
    for key in _IDENTITIES:
        if all(_names_all(each, key) for each in (old, new)):
            return key
    return None


def _names_all(values: list[object], key: str) -> bool:
    names = [each.get(key) if isinstance(each, dict) else None for each in values]
    if not names or not all(isinstance(name, str | int) and not isinstance(name, bool) for name in names):
        return False
    return len({str(name) for name in names}) == len(names)


def _common(left: list[str], right: list[str]) -> int:
    return next((i for i, (one, other) in enumerate(zip(left, right, strict=False)) if one != other),
                min(len(left), len(right)))  # fmt: skip


def _common_pairs(left: list[str], right: list[str]) -> list[tuple[int, int]]:
    """A longest common subsequence, as pairs of places."""
    rows = [[0] * (len(right) + 1)]
    for one in reversed(left):
        below, row = rows[-1], [0] * (len(right) + 1)
        for j in range(len(right) - 1, -1, -1):
            row[j] = below[j + 1] + 1 if one == right[j] else max(below[j], row[j + 1])
        rows.append(row)
    rows.reverse()
    pairs, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif rows[i + 1][j] >= rows[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


def _below(path: str, key: str) -> str:
    name = key if key and "." not in key else f'"{key}"'
    return f"{path}.{name}"[-MAX_PATH:] if path else name[:MAX_PATH]
