"""A large file has the findings that it would have as a small one, whatever lies in it and wherever."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint import filescan, unseen
from repoint.filescan import scan
from repoint.findings import Finding
from repoint.secretmarks import places_in
from repoint.secretscan import GATES, TAILS, rare_secrets_in, weak_secrets_in
from repoint.secretshapes import SHAPES, Match, Places, secrets_in, unknown
from repoint.secretvendors import VENDOR_SHAPES, vendor_secrets_in

from tests.unit.scanning import LETTERS, made
from tests.unit.test_lint_scripts import ALL_RIGHT, HIDDEN, LOOK_ALIKES, SEEN
from tests.unit.test_lint_secrets import LIKELY, NO_SECRETS, RARE, SECRETS
from tests.unit.test_lint_unseen import VENDOR_KEYS

SAMPLES = [
    text.encode()
    for texts in (*SECRETS.values(), *VENDOR_KEYS.values(), *RARE.values(), LIKELY, NO_SECRETS)
    for text in texts
]
MARKS = [
    *(mark for shape in SHAPES + VENDOR_SHAPES for mark in shape.marks),
    *(mark for gate in GATES for mark in gate.marks),
    *(b"api_" + tail for tail in TAILS),
    *(b"@", b"://a:b", b"\\/\\/", b"Session_TOKEN=", b"secretACCESS_KEY", b"12345678:", b".abcdef."),
]
SEARCHES: list[Callable[[bytes, Places], Iterator[Match]]] = [
    lambda content, places: secrets_in(content, SHAPES, places),
    vendor_secrets_in,
    rare_secrets_in,
    weak_secrets_in,
]


def found_in(content: bytes, places: Places) -> list[list[Match]]:
    return [sorted(search(content, places), key=lambda match: match[1:]) for search in SEARCHES]


@pytest.mark.parametrize("around", [b"%b", b'{"a": "\\n%b"}', b"\xc3\xa9 %b\xff"])
def test_every_secret_is_found_by_its_clues(around: bytes) -> None:
    for sample in SAMPLES:
        content = b"Ask first.\n" * 30 + around.replace(b"%b", sample) + b"\nThen answer." * 30
        assert found_in(content, places_in(content)) == found_in(content, unknown), sample


def test_marks_and_secrets_that_touch_and_overlap_are_found_as_one_by_one() -> None:
    chance = random.Random(7)
    for _ in range(250):
        sparse = b" " * 64 * chance.randint(0, 60)  # with few blanks there are too many hits to note every one
        content = sparse + b"".join(_piece(chance) for _ in range(chance.randint(1, 24))) + sparse
        assert found_in(content, places_in(content)) == found_in(content, unknown), content


def _piece(chance: random.Random) -> bytes:
    """A mark or a secret, its beginning or its end, in any case, or what stands between them."""
    mark, sample = chance.choice(MARKS), chance.choice(SAMPLES)
    cut = chance.randint(0, len(sample))
    pieces = [mark, mark[: chance.randint(1, 5)], mark[-3:], mark.upper(), made(16, LETTERS).encode()]
    pieces += [sample, sample[:cut], sample[cut:], sample.title()]
    pieces += [b" ", b"-", b"_", b"\n", b"@", b"/", b"A", b"7", b"= ", b'"']
    return chance.choice(pieces)


def test_a_flood_of_marks_hides_nothing() -> None:
    for mark in dict.fromkeys(MARKS):
        content = (mark * 500)[:4000] + b" " + SAMPLES[0] + b"\n"
        assert found_in(content, places_in(content)) == found_in(content, unknown), mark


# ------------------------------------------------------------------------------------------------- whole files

TEXTS = [
    *(sample.decode("utf-8") for sample in SAMPLES),
    *(text for text, *_ in HIDDEN),
    *(text for text, _ in LOOK_ALIKES),
    *(*SEEN, *ALL_RIGHT),
    *("\u200b" * 90, "\u202e\u202c" * 40, "\x1b[31m" * 30, "\u0430b" * 60, "\u2764\ufe0f" * 30),
]
BETWEEN = [" ", "\n", "\r\n", "\r", "Ask for the order number first. ", "word " * 40, "\u0434\u0430 ", "\u6ce8 " * 100]
NO_TEXT = [bytes(range(256)), b"\xff\xfe\x00\x80", b"\x80" * 9, b"\xe2\x80", b"\xf0\x9f", b"\x01\x02", b"\xc2", b"\0"]


def large_and_small(monkeypatch: pytest.MonkeyPatch, chunks: list[bytes]) -> list[list[Finding]]:
    """The findings of the same file taken for a large one and for a small one."""
    both = []
    for size in (0, 1 << 40):
        monkeypatch.setattr(filescan, "_LARGE", size)
        monkeypatch.setattr(unseen, "_LARGE", size)
        monkeypatch.setattr(unseen, "_LARGE_ASCII", size)
        both.append(scan("f", chunks))
    return both


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "with bytes that are no text", "with NULs"])
def test_the_size_of_a_file_changes_no_finding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = 0

    @given(st.data())
    def compare(data: st.DataObject) -> None:
        nonlocal found
        texts = data.draw(st.lists(st.sampled_from(TEXTS) | st.sampled_from(BETWEEN), min_size=1, max_size=30))
        content = _encoded(texts, encoding, data)
        size = data.draw(st.sampled_from([1, 7, 300, 5000, 1 << 20]) if len(content) < 3000 else st.just(4099))
        chunks = [content[at : at + size] for at in range(0, len(content), size)]
        large, small = large_and_small(monkeypatch, chunks)
        assert large == small
        found += len(large)

    compare()
    assert found


def _encoded(texts: list[str], encoding: str, data: st.DataObject) -> bytes:
    if encoding.startswith("utf"):
        return "".join(texts).encode(encoding)
    strange = st.sampled_from(NO_TEXT[:-1] if encoding == "with bytes that are no text" else NO_TEXT)
    pieces = [b"A long enough text \xc3\xa9 before %b and behind it.\n" % text.encode() for text in texts]
    if encoding == "with NULs":
        pieces.insert(0, b"\0")
    return b"".join(data.draw(strange) * data.draw(st.integers(0, 2)) + piece for piece in pieces)


def test_a_file_that_is_large_indeed(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(11)
    pieces = [text.encode() for text in TEXTS]
    prose = b"Ask for the order number first, then for the reason.\n" * 400
    content = b"".join(prose[: chance.randint(0, len(prose))] + chance.choice(pieces) + b"\n" for _ in range(200))
    chunks = [content[at : at + (1 << 20)] for at in range(0, len(content), 1 << 20)]
    large, small = large_and_small(monkeypatch, chunks)
    assert large == small
    assert {each.rule for each in large} >= {"secret", "invisible", "zero-width", "mixed-script"}


WITHOUT = """
import sys
sys.modules["hyperscan"] = None
from repoint.filescan import scan
from repoint.multisearch import usable

text = b"Ask for the order number first.\\n" * 50_000 + b"key: AKIA" + b"Q7ZP3MXW2LVK5TJB\\n" + "\u202e".encode()
print(usable(), sorted({each.rule for each in scan("a", [text])}))
"""


def test_where_there_is_no_vectorscan_the_same_is_found() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert done.stdout == "False ['bidi', 'secret']\n"
