"""Every command that is measured, what does the same job with bare Git, and the budgets: the one table of them."""

from __future__ import annotations

from typing import NamedTuple

HELP_UNITS = 6.0
HELD_UNITS = 10.0
COMMIT_UNITS = 25.0
LIST_UNITS = 40.0
BUCKET_UNITS = 30.0
OWN_UNITS = 6.0
"""What a rollback or a promote on S3 may add to a bare boto3 script that makes three requests."""

LEAST_RATE = 0.7
"""What a publish must reach of the bytes a second of ``aws s3 cp``."""

MOST_GROWTH = 1.3
"""What the largest registry may cost against the smallest, for commands that do not read all of it."""

MOST_BYTES = 150 * 1024 * 1024
"""The peak memory of every command in every registry, and with a file of 64 MiB."""


class Budget(NamedTuple):
    """What a command may cost: units at any size, and growth from the smallest registry to the largest."""

    units: float
    growth: float | None = None

    def __str__(self) -> str:
        return f"{self.units:g}" + ("" if self.growth is None else f", x {self.growth:g}")


class Case(NamedTuple):
    """One command line in registries of every size.

    ``{name}`` in an argument is a value of the registry (``places.Place.values``). ``writes`` marks what changes it:
    afterwards everything is put back. ``bare`` is what ``bare_git.sh`` is asked to do beside it. ``everywhere`` unset:
    the registry plays no part, so it is measured once. ``empty``: it runs in a repository without a registry.
    ``packs``: it packs refs where many are loose, so loose ones are not what it would find a second time.
    """

    name: str
    arguments: tuple[str, ...]
    budget: Budget | None = None
    writes: bool = False
    bare: tuple[str, ...] = ()
    everywhere: bool = True
    empty: bool = False
    packs: bool = False
    codes: tuple[int, ...] = (0,)
    variables: tuple[tuple[str, str], ...] = ()


_HELD = Budget(HELD_UNITS, MOST_GROWTH)
_WHY = ("-m", "refunds without a receipt")
_COMPLETE = (
    ("_REPOINT_COMPLETE", "bash_complete"),
    ("COMP_LINE", "repoint show refund@"),
    ("COMP_WORD", "refund@"),
    ("COMP_WORDS", "repoint show refund@"),
    ("COMP_CWORD", "2"),
)

CASES = (
    Case("--help", ("--help",), Budget(HELP_UNITS), everywhere=False),
    Case("--version", ("--version",), everywhere=False),
    Case("rollback AGENT", ("rollback", "refund", *_WHY), _HELD, writes=True, bare=("rollback", "production")),
    Case("rollback AGENT@V", ("rollback", "refund@{live}", "--ticket", "INC-77"), _HELD, writes=True),
    Case("rollback --dry-run", ("rollback", "refund", "--dry-run"), _HELD),
    Case(
        "promote",
        ("promote", "refund@{old}", "--env", "production", "-m", "Ask for the number"),
        _HELD,
        writes=True,
        bare=("move", "production", "refund@v{old}"),
    ),
    Case("status", ("status",), _HELD, bare=("status", "agents/refund", "staging", "production")),
    Case("history", ("history",), _HELD, bare=("history", "production")),
    Case("history --at", ("history", "--at", "{middle}"), _HELD, bare=("at", "production", "{middle}")),
    Case("list -n 20", ("list", "-n", "20"), _HELD, bare=("list", "20")),
    Case("list", ("list",), Budget(LIST_UNITS), bare=("list",)),
    Case("log AGENT -n 20", ("log", "refund", "-n", "20"), bare=("log", "refund@v{live}", "20")),
    Case("show AGENT@V", ("show", "refund@{old}"), _HELD, bare=("show", "refund@v{old}")),
    Case("show AGENT@ENV", ("show", "refund@production"), _HELD),
    Case("show AGENT@ENV~1", ("show", "refund@production~1"), _HELD),
    Case(
        "diff A B",
        ("diff", "refund@{old}", "refund@{live}"),
        Budget(HELD_UNITS),
        bare=("diff", "refund@v{old}", "refund@v{live}"),
    ),
    Case("diff A", ("diff", "refund@production"), bare=("changed", "refund@v{live}", "agents/refund")),
    Case("diff ENV ENV", ("diff", "staging", "production"), bare=("envs", "staging", "production")),
    Case("check AGENT", ("check", "refund")),
    Case(
        "commit",
        ("commit", "refund", "-m", "Ask first"),
        Budget(COMMIT_UNITS),
        writes=True,
        packs=True,
        bare=("publish", "agents/refund", "refund@v{newest}", "refund@v99999.0.0"),
    ),
    Case("commit --dry-run", ("commit", "refund", "-m", "Ask first", "--dry-run"), Budget(COMMIT_UNITS)),
    Case("unhold", ("unhold", "{held}", "--env", "staging", "-m", "mended"), writes=True),
    Case("yank", ("yank", "refund@{old}", "-m", "leaks names"), writes=True),
    Case("unyank", ("unyank", "refund@{yanked}", "-m", "a false alarm"), writes=True),
    Case("freeze", ("freeze", "production", "-m", "the busiest week"), writes=True),
    Case("unfreeze", ("unfreeze", "staging"), writes=True),
    Case(
        "export",
        ("export", "refund@production", "{exported}"),
        writes=True,
        bare=("export", "refund@v{live}", "{exported}"),
    ),
    Case("verify", ("verify",), bare=("fsck",)),
    Case("verify --deep", ("verify", "--deep"), bare=("fsck", "--full")),
    Case("doctor", ("doctor",)),
    Case("resolve", ("resolve", "0000"), codes=(4,)),
    Case("new", ("new", "auditor"), writes=True),
    Case("init", ("init",), writes=True, everywhere=False, empty=True),
    Case("completion press", (), Budget(HELD_UNITS), variables=_COMPLETE),
)

_MOVE = Budget(BUCKET_UNITS, MOST_GROWTH)

BUCKET_CASES = (
    Case("rollback AGENT", ("rollback", "refund", *_WHY), _MOVE, writes=True),
    Case("rollback AGENT@V", ("rollback", "refund@{live}", "--ticket", "INC-77"), _MOVE, writes=True),
    Case(
        "rollback, no clone",
        ("--registry", "{bucket}", "rollback", "refund@{live}", *_WHY),
        _MOVE,
        writes=True,
        variables=(("REPOINT_ACTOR", "Ada <ada@acme.example>"),),
    ),
    Case("promote", ("promote", "refund@{old}", "--env", "production", "-m", "Ask for the number"), _MOVE, writes=True),
    Case("status", ("status",), _MOVE),
    Case("history", ("history",)),
    Case("list -n 20", ("list", "-n", "20")),
    Case("commit", ("commit", "refund", "-m", "Ask first", "--version", "99999.0.0"), writes=True),
)
"""What is measured where a bucket decides; the version that ``commit`` makes is one that ``restore`` finds again."""

BUCKET_MOVES = ("rollback AGENT", "rollback AGENT@V", "rollback, no clone", "promote")
"""Those that must stay below ``aws s3 cp`` of a pointer and near a bare script's three requests."""


class ReaderRow(NamedTuple):
    """One figure of a reader, what it may be at most, its unit, and with how many digits it is shown."""

    name: str
    most: float | None
    unit: str
    digits: int = 1


READER_ROWS = (
    ReaderRow("active()", 2, "µs", 2),
    ReaderRow("idle poll, requests", 1, "", 0),
    ReaderRow("idle poll, processor", 3, "ms", 2),
    ReaderRow("idle poll, elapsed", None, "ms", 2),
    ReaderRow("following a move, processor", None, "ms", 1),
    ReaderRow("following a move, elapsed", None, "ms", 1),
    ReaderRow("cold start, round trips", 6, "", 0),
    ReaderRow("cold start, requests", None, "", 0),
    ReaderRow("cold start, Reader() alone", None, "ms", 0),
    ReaderRow("cold start, whole process", None, "ms", 0),
    ReaderRow("from the disk, Reader() alone", None, "ms", 0),
    ReaderRow("from the disk, whole process", None, "ms", 0),
    ReaderRow("import repoint.Reader", 6, "units"),
    ReaderRow("and a bucket's, after botocore", 6, "units"),
    ReaderRow("memory, what is live", None, "MB"),
    ReaderRow("memory, steady", None, "MB"),
    ReaderRow("memory, peak", None, "MB"),
    ReaderRow("memory, growth", None, "MB"),
    ReaderRow("memory, snapshots", 1, "copies of each", 2),
)
"""What a reader costs; benchmarks/README.md says what each row is."""

GTO_BESIDE = {"register": "commit", "assign": "promote", "show": "list", "history": "log AGENT -n 20"}
"""What GTO's commands are compared with. ``gto show`` lists an artifact's versions and where they are assigned."""
