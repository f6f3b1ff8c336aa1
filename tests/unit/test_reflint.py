"""References by identifier are looked up as URIs, those in examples too; none of them is read."""

from __future__ import annotations

import pytest

from repoint.reflint import reference_complaints

ORDER = {
    "$id": "https://acme.example/schemas/order",
    "$defs": {"item": {"$id": "item"}, "tax": {"$id": "/taxes/vat"}, "note": {"$anchor": "note"}},
}


def rules(document: object) -> list[str]:
    """What is found where no file of the version has any other name."""
    return [each.rule for each in reference_complaints(document, "spec.json", lambda _: None)]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("item", []),
        ("https://acme.example/schemas/item", []),
        ("https://acme.example/taxes/vat", []),
        ("../taxes/vat", []),
        ("https://acme.example/schemas/order", []),
        ("#note", []),
        ("items", ["external-ref"]),
        ("https://acme.example/schemas/vat", ["external-ref"]),
        ("https://other.example/schemas/item", ["external-ref"]),
    ],
)
def test_an_identifier_is_resolved_against_those_around_it(target: str, found: list[str]) -> None:
    assert rules(ORDER | {"properties": {"lines": {"$ref": target}}}) == found


def test_members_of_examples_may_be_references_in_openapi() -> None:
    document = {"content": {"application/json": {"examples": {"late": {"$ref": "#/nowhere"}}}}}
    assert rules(document) == ["broken-ref"]


def test_examples_by_media_type_and_lists_of_examples_are_data() -> None:
    assert rules({"examples": {"application/json": {"$ref": "#/nowhere"}}}) == []
    assert rules({"examples": [{"$ref": "#/nowhere"}]}) == []
