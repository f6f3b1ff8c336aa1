"""Widths on a terminal, cutting, and tables that fit."""

from __future__ import annotations

import pytest

from repoint_cli.tables import cut, display_width, fit, table


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("", 0),
        ("\u8bf7\u6c42", 4),
        ("\uac00", 2),
        ("e\u0301", 1),
        ("\U0001f642", 2),
        ("\u2764\ufe0f", 2),
        ("\u2764", 1),
        ("\u1112\u1161\u11ab", 2),
        ("\x1b[31;1mred\x1b[0m", 3),
        ("\u0645\u0631\u062d\u0628\u0627", 5),
    ],
)
def test_display_width(text: str, width: int) -> None:
    assert display_width(text) == width


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("\u8bf7\u6c42\u8bf7", 6, "\u8bf7\u6c42\u8bf7"),
        ("\u8bf7\u6c42\u8bf7", 5, "\u8bf7\u6c42…"),
        ("\u8bf7\u6c42\u8bf7", 4, "\u8bf7…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("\x1b[31mabcdef\x1b[0m", 4, "\x1b[31mabc…\x1b[0m"),
        ("a\x1b[31mbc\x1b[0md", 4, "a\x1b[31mbc\x1b[0md"),
    ],
)
def test_cut(text: str, limit: int, shown: str) -> None:
    assert cut(text, limit) == shown
    assert display_width(cut(text, limit)) <= limit


def test_columns_line_up_whatever_is_in_them() -> None:
    lines = table([["\u8bf7", "x"], ["\x1b[31mab\x1b[0m", "y"], ["abc", "z"]])
    assert {display_width(line[: line.rindex(last)]) for line, last in zip(lines, "xyz", strict=True)} == {5}


def test_no_blanks_at_the_end_of_a_line() -> None:
    assert table([["a", "b", ""], ["aa", "", ""]]) == ["a   b", "aa"]


def test_a_table_in_a_pipe_is_never_cut() -> None:
    assert table([["a" * 500, "b" * 500]])[0] == "a" * 500 + "  " + "b" * 500


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_table_on_a_terminal_fits(width: int) -> None:
    lines = table([["a" * 70, "1.2.3", "m" * 200], ["b", "10.20.30", "\u8bf7" * 60]], width=width)
    assert all(display_width(line) <= width for line in lines)
    assert all("…" in line for line in lines)


def test_the_last_column_gives_way_first() -> None:
    assert fit([6, 7, 18, 10, 40], 60) == [6, 7, 18, 10, 11]
    assert fit([6, 7], 60) == [6, 7]


def test_nothing_is_cut_to_nothing() -> None:
    assert min(fit([70, 70, 70], 10)) == 8
