"""Which part of an old document became which of the new one: alternatives of a union, and announced answers."""

from __future__ import annotations

import pytest

from repoint.openapimatching import matched_codes
from repoint.openapiview import Body, Response
from repoint.schemashape import Shapes
from repoint.schemaunions import pair_branches

ANSWER = Response(Body(False, {}, None, {}), {}, None)


def alternative(*fields: str) -> dict[str, object]:
    return {"type": "object", "properties": {name: {} for name in fields}}


def paired(old: list[object], new: list[object]) -> list[tuple[int, int]]:
    """The pairs by their places in the two lists."""
    found = pair_branches(Shapes({}), Shapes({}), old, new)
    assert not found.limited
    return sorted((old.index(one), new.index(other)) for one, other in found.pairs)


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        (["200", "404"], ["404", "200"], {"200": "200", "404": "404"}),
        (["404"], ["4XX"], {"404": "4XX"}),
        (["4xx"], ["404"], {"4xx": "404"}),
        (["4XX"], ["4xx"], {"4XX": "4xx"}),
        (["404"], ["5XX"], {}),
        (["404"], ["410"], {}),
        (["404", "410"], ["4XX"], {"404": "4XX"}),
        (["default"], ["200", "404"], {"default": "200"}),
        (["200", "default"], ["200", "404"], {"200": "200"}),
    ],
)
def test_an_answer_is_found_by_its_code_or_the_range_that_holds_it(
    old: list[str], new: list[str], pairs: dict[str, str]
) -> None:
    assert matched_codes(dict.fromkeys(old, ANSWER), dict.fromkeys(new, ANSWER)) == pairs


def test_alternatives_are_paired_by_the_share_that_they_have_in_common() -> None:
    card, wide = alternative("number", "expiry"), alternative("number", "expiry", *"abcdefgh")
    longer = alternative("number", "expiry", "cvc")
    assert paired([card], [wide, longer]) == [(0, 1)]


def test_alternatives_with_little_in_common_are_strangers() -> None:
    old: list[object] = [alternative("id", *"abcdef"), alternative("iban")]
    new: list[object] = [alternative("id", *"uvwxyz"), alternative("iban", "bic")]
    assert paired(old, new) == [(1, 1)]
    assert paired(old[:1], new[:1]) == [(0, 0)]  # the only one on either side: what else should it have become?
