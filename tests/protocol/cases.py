"""What was searched: every case with the number of its states and all that is wrong in it.

The figures are there so that a change of the model is noticed. docs/protocol-check.md has them, too, with the traces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.protocol.invariants import Violation
from tests.protocol.model import Case, Replay, Shortcut


@dataclass(frozen=True)
class Search:
    """A case, how many states it has, and what is found in them.

    ``until``: searched only as far as to that. ``shown``: docs/protocol-check.md has the trace.
    """

    case: Case
    states: int
    found: frozenset[Violation] = frozenset()
    until: Violation | None = None
    shown: Violation | None = None


def clean(case: Case, states: int) -> Search:
    """The protocol holds."""
    return Search(case, states)


def caught(case: Case, shortcut: Shortcut | None, states: int, *found: Violation) -> Search:
    """The shortcut is caught; the search ends with the last violation named."""
    return Search(replace(case, shortcut=shortcut), states, frozenset(found), found[-1], found[-1])


def limit(case: Case, states: int, *found: Violation, shown: Violation | None = None) -> Search:
    """The protocol as it is cannot prevent these, and nothing else goes wrong."""
    return Search(case, states, frozenset(found), None, shown)


BASE = Case()
PATIENT = replace(BASE, losses=False)
LATE_LEDGER = Case(sends=1, late_ledger=True)
RESOLVED = Case(sends=1, resolve_sends=1, losses=False)
AGAIN = Case(decisions=2, losses=False)
AHEAD = Case(sends=1, looks_ahead=True, keeps_own=True)
KEPT = replace(AHEAD, replay=Replay.QUIET_KEPT)
QUIET = replace(AHEAD, replay=Replay.QUIET)
ANY_TIME = replace(AHEAD, replay=Replay.ANY_TIME)
IN_FLIGHT = replace(AHEAD, replay=Replay.ANY_TIME_KEPT, losses=False)
ANY_TIME_THREE = replace(ANY_TIME, movers=3, losses=False)
CLONE = replace(QUIET, one_clone=True)
CLONE_RESOLVED = replace(CLONE, resolve_sends=1)

V, S = Violation, Shortcut

FAST = {
    "base": clean(BASE, 16_810),
    "base-patient": clean(PATIENT, 2_002),
    "naive412": caught(BASE, S.NAIVE_412, 942, V.FAILED_BUT_APPLIED),
    "reread": caught(BASE, S.REREAD, 235, V.FAILED_BUT_APPLIED),
    "head-only": caught(BASE, S.HEAD_ONLY, 7_583, V.FAILED_BUT_APPLIED),
    "ledger-after": caught(BASE, S.LEDGER_AFTER, 610, V.LEDGER_LOST),
    "late-ledger": clean(LATE_LEDGER, 1_900),
    "ledger-unsure": caught(LATE_LEDGER, S.LEDGER_UNSURE, 139, V.LEDGER_LOST),
    "resolve": clean(RESOLVED, 40_870),
    "resolve-looks": caught(RESOLVED, S.RESOLVE_LOOKS, 300, V.FAILED_BUT_APPLIED),
    "resolve-decides": caught(RESOLVED, S.RESOLVE_DECIDES, 3_196, V.FAILED_BUT_APPLIED),
    "again": clean(AGAIN, 5_080),
    "again-twice": clean(replace(AGAIN, movers=3, sends=1, decisions=3), 17_736),
    "again-after-timeout": caught(AGAIN, S.AGAIN_AFTER_TIMEOUT, 360, V.APPLIED_TWICE),
    "look-ahead": clean(AHEAD, 1_246),
    "no-second-look": caught(AHEAD, S.NO_SECOND_LOOK, 508, V.FALSE_ALARM),
    "replay-kept": clean(KEPT, 1_390),
    "replay-no-look": caught(replace(KEPT, looks_ahead=False), None, 1_148, V.FORKED, V.VANISHED),
    "replay-newest-but-one": limit(QUIET, 1_750, V.FORKED, V.VANISHED, shown=V.VANISHED),
    "replay-marked": limit(CLONE, 1_704, V.FORKED, shown=V.FORKED),
    "replay-in-flight": limit(IN_FLIGHT, 522, V.FORKED, V.VANISHED, shown=V.VANISHED),
    "replay-any-time": limit(
        replace(ANY_TIME, sends=2, losses=False), 10_252, V.FORKED, V.VANISHED, V.FAILED_BUT_APPLIED
    ),
    "replay-any-time-3-movers": limit(ANY_TIME_THREE, 45_287, V.FORKED, V.VANISHED),
    "replay-no-equality": caught(ANY_TIME_THREE, S.NO_EQUALITY, 36_038, V.FORKED, V.VANISHED, V.CHAIN_BROKEN),
}
"""Searched by every run of the tests."""

LONG = {
    "naive412-whole": Search(replace(BASE, shortcut=S.NAIVE_412), 15_968, frozenset({V.FAILED_BUT_APPLIED})),
    "head-only-whole": Search(replace(BASE, shortcut=S.HEAD_ONLY), 17_038, frozenset({V.FAILED_BUT_APPLIED})),
    "base-3-movers": clean(Case(movers=3, sends=1), 55_343),
    "base-3-sends": clean(Case(sends=3), 251_352),
    "base-patient-3-movers": clean(replace(PATIENT, movers=3), 221_330),
    "base-3-movers-2-sends": clean(Case(movers=3), 5_058_406),
    "resolve-losses": clean(replace(RESOLVED, losses=True), 460_886),
    "resolve-2-sends": clean(replace(RESOLVED, sends=2), 454_372),
    "again-losses": clean(replace(AGAIN, losses=True), 46_108),
    "again-3-movers": clean(replace(AGAIN, movers=3), 2_631_176),
    "together": clean(replace(RESOLVED, decisions=2, looks_ahead=True, keeps_own=True, late_ledger=True), 619_973),
    "replay-kept-3-movers": clean(replace(KEPT, movers=3, keeps_own=False), 74_080),
    "replay-kept-resolve": clean(replace(KEPT, resolve_sends=1), 831_427),
    "replay-resolve-blind": caught(replace(KEPT, resolve_sends=1), S.RESOLVE_BLIND, 112_059, V.FORKED, V.VANISHED),
    "replay-marked-resolve": limit(CLONE_RESOLVED, 582_815, V.FORKED, V.FAILED_BUT_APPLIED),
    "replay-resolve-unmarked": caught(CLONE_RESOLVED, S.RESOLVE_UNMARKED, 60_967, V.FORKED, V.VANISHED),
}
"""Searched by ``make test-long``; the largest takes 2.5 GiB of memory."""
