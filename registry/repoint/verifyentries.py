"""Every version that a ledger ever made live: is it there, is it the one that the record names, can it be loaded?

Promises 1, 2 and 8. What the records name also bears witness to versions that are gone (``claims``). A version that
cannot be loaded is reported once for an environment: as what is live, as what a rollback would go to, or as history.
"""

from __future__ import annotations

from collections.abc import Mapping

from repoint.verifyclaims import Claim, Known, Named, place_of
from repoint.verifyreport import Report, Stretches
from repoint.verifyrules import Past
from repoint_schemas.canonical import Digest
from repoint_schemas.documents import AgentName, Entry, EnvironmentName, Record


class EntryCheck:
    """Collects the entries of one environment, oldest record first; ``close`` reports what cannot be loaded."""

    def __init__(self, report: Report, releases: Mapping[Named, Known], environment: EnvironmentName) -> None:
        self.claims: list[Claim] = []
        self._report = report
        self._releases = releases
        self._environment = environment
        self._broken: dict[tuple[Named, Digest, Digest], int] = {}
        self._checked: set[tuple[Named, Digest, Digest]] = set()

    def note(self, before: Record | None, record: Record) -> None:
        """Look at the entries that a record made live."""
        for agent, entry in record.agents.items():
            if before is None or before.agents.get(agent) != entry:
                self._look(agent, entry, record.generation)

    def close(self, tip: Record | None, past: Past, unreadable: Stretches) -> None:
        """Report each version that cannot be loaded, once, and rollbacks that would need an ``unreadable`` generation.

        ``tip`` is the newest record where it could be read.
        """
        if tip is not None and unreadable:
            self._check_reads(tip, past, unreadable)
        live, beneath = _reachable(tip, past)
        for key, generation in self._broken.items():
            name = key[0]
            if tip is not None and key in live:
                message = f"{place_of(name)} is live, but no reader can load it whole; roll back from it"
                self._report.add(2, "live-not-loadable", self._place(tip.generation), message)
            elif tip is not None and key in beneath:
                message = f"a rollback of {name[0]} would reach {name[1]}, which no reader can load whole"
                self._report.add(8, "rollback-target-not-loadable", self._place(tip.generation), message)
            else:
                message = f"it made {place_of(name)} live, which no reader can load whole"
                self._report.add(2, "recorded-not-loadable", self._place(generation), message)

    def _check_reads(self, tip: Record, past: Past, unreadable: Stretches) -> None:
        for agent, live in sorted(tip.agents.items()):
            stack = [live, *(entry for entry in past.beneath(agent, live) if entry)]
            needed = [entry.back for entry in stack if entry.back in unreadable]
            if needed:
                message = f"a rollback of {agent} would read generation {needed[0]}, which cannot be read"
                self._report.add(8, "rollback-target-not-loadable", self._place(tip.generation), message)

    def _place(self, generation: int) -> str:
        return f"{self._environment} generation {generation}"

    def _look(self, agent: AgentName, entry: Entry, generation: int) -> None:
        key = _key(agent, entry)
        if key in self._checked:
            return
        self._checked.add(key)
        name, release, snapshot = key
        self._report.checked["entries"] += 1
        self.claims.append(Claim(name, f"{self._place(generation)} made it live", digest=release))
        known = self._releases.get(name)
        if known is None or not known.whole or (known.digest, known.snapshot) != (release, snapshot):
            self._broken[key] = generation


def _key(agent: AgentName, entry: Entry) -> tuple[Named, Digest, Digest]:
    return (agent, entry.version), entry.release, entry.snapshot


def _reachable(
    tip: Record | None, past: Past
) -> tuple[set[tuple[Named, Digest, Digest]], set[tuple[Named, Digest, Digest]]]:
    """What is live, and what lies beneath it on the stacks."""
    agents = tip.agents if tip else {}
    live = {_key(agent, entry) for agent, entry in agents.items()}
    beneath = {
        _key(agent, below)
        for agent, entry in agents.items()
        for below in past.beneath(agent, entry)
        if below is not None
    }
    return live, beneath
