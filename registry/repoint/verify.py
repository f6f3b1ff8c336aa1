"""Every promise over the whole registry in a local repository: what ``repoint verify`` says.

Releases first, since the ledgers are judged by them; the ledger of yanks before the environments; then what this clone
remembers. Nothing is written, no cache is trusted, and no damage stops it: each check notes what it finds and goes on.
What it cannot see: a branch that was moved back, or a tag that was deleted, in a clone that never saw it otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import msgspec

from repoint.errors import Conflict
from repoint.gitobjects import ObjectId
from repoint.gitrefs import ENVIRONMENTS, TAGS
from repoint.gitrepo import GitRepository
from repoint.names import YANK_LEDGER
from repoint.store_git import GitStore, tag_of
from repoint.verifyclaims import Case, Claim, Named, Witnesses, place_of
from repoint.verifycontents import ContentsCheck
from repoint.verifyledger import LedgerCheck
from repoint.verifyobjects import ObjectReader, StoredBlobs
from repoint.verifyrecords import RecordCheck, Registered
from repoint.verifyreleases import ReleaseCheck, named_in
from repoint.verifyreport import Progress, Report
from repoint.verifytree import Files
from repoint.workspace import Workspace
from repoint_schemas.documents import EnvironmentName
from repoint_schemas.results import VerifyResult

_ENVIRONMENT = re.compile(re.escape(ENVIRONMENTS) + r"([a-z][a-z0-9-]{0,62})")
_BROKEN = re.compile(r"^warning: ignoring (?:broken|dangling) (?:ref|symref) (\S+)$", re.MULTILINE)


def verify(
    workspace: Workspace, *, deep: bool = False, progress: Progress | None = None, follows: bool = False
) -> VerifyResult:
    """Check every promise; ``deep`` also reads every file. The result lists every violation, by promise.

    This is the repository's part (``verifyeverywhere`` has the other stores); where it ``follows`` another store, it
    may be behind what this clone has seen.

    Raises:
        Conflict: a shallow clone, which holds too little to be judged.
        StoreUnavailable: Git cannot be run, or its refs cannot be listed.
    """
    repository, local = workspace.require_repository("verify"), workspace.local
    assert local is not None
    if repository.shallow:
        raise Conflict(
            "this clone is shallow: most of the registry is not here, so it cannot be verified",
            kind="shallow-clone",
            hint="git fetch --unshallow --tags",
        )
    report = Report(progress)
    reader = ObjectReader(repository.process)
    try:
        releases = _Run(workspace, local, reader, report, deep=deep, follows=follows).everything()
    finally:
        reader.close()
    found = sorted(report.findings, key=lambda finding: finding.promise)
    return VerifyResult(dict(report.checked), found, deep, [place_of(name) for name in releases])


class _Refs(msgspec.Struct, frozen=True):
    """The registry's refs: versions, environments, and those that Git cannot read."""

    tags: dict[Named, ObjectId]
    branches: dict[EnvironmentName, ObjectId]
    broken_tags: set[Named]
    broken_branches: set[EnvironmentName]


class _Run:
    """One run over one repository."""

    def __init__(
        self,
        workspace: Workspace,
        local: GitStore,
        reader: ObjectReader,
        report: Report,
        *,
        deep: bool,
        follows: bool,
    ) -> None:
        self._workspace = workspace
        self._reader = reader
        self._report = report
        # What is remembered is read before the refs, so that a move under way meanwhile is not taken for a loss.
        self._marks = {} if follows else workspace.state.marks()
        self._published = local.published()
        self._refs = list_refs(local.repository)
        allowed = workspace.allowed_rules
        self._contents = ContentsCheck(report, workspace.limits(), allowed) if deep else None
        registry = workspace.registry.id
        self._releases = ReleaseCheck(reader, report, registry, self._check_contents if deep else None)
        self._witnesses = Witnesses(report, "its tag", _restore)

    def everything(self) -> list[Named]:
        """All checks in order; returns the foreign tags."""
        self._releases.run(self._refs.tags)
        self._witnesses.add(self._releases.claims)
        self._check_ledgers()
        self._check_missing_branches()
        self._claim_published()
        self._report_broken_tags()
        releases, broken = self._releases, self._refs.broken_tags
        self._witnesses.judge(releases.known, releases.foreign, releases.damaged | broken)
        if self._contents is not None:
            self._contents.close()
        return sorted(self._releases.foreign.keys() - self._witnesses.claims.keys())

    def _check_contents(self, case: Case, files: Files) -> None:
        if self._contents is not None:
            self._contents.check(case, StoredBlobs(self._reader, files.blobs, files.bad))

    # -- ledgers -----------------------------------------------------------------------------------------------------

    def _check_ledgers(self) -> None:
        registry, branches = self._workspace.registry, self._refs.branches
        known = Registered(registry.id, registry.authority, self._releases.known, None, {})
        if YANK_LEDGER in branches:
            yanks = self._check_ledger(YANK_LEDGER, known)
            known = msgspec.structs.replace(known, yanked=yanks.yanked if yanks.complete else None)
        for environment in sorted(branches.keys() - {YANK_LEDGER}):
            self._check_ledger(environment, known)

    def _check_ledger(self, environment: EnvironmentName, known: Registered) -> RecordCheck:
        mark = self._marks.get(environment)
        check = LedgerCheck(self._reader, self._report, known, environment, mark)
        check.run(self._refs.branches[environment])
        self._report.checked["environments"] += 1
        self._witnesses.add(check.claims)
        return check.records

    def _check_missing_branches(self) -> None:
        """Branches that must be there: of every environment that this clone saw, and of the yanks."""
        marks = self._marks
        for environment in sorted({YANK_LEDGER, *marks} - self._refs.branches.keys()):
            branch = f"repoint/env/{environment}"
            if environment in self._refs.broken_branches:
                message = (
                    f"Git cannot read the branch {branch}: its file is empty or cut; write the id of its tip again"
                )
                self._report.add(2, "ref-broken", environment, message)
                continue
            seen = (
                f", which this clone saw at generation {marks[environment].generation}," if environment in marks else ""
            )
            message = f"the branch {branch}{seen} is gone; fetch it from another clone, nothing is recreated by itself"
            self._report.add(4, "pointer-missing", environment, message)

    # -- versions that something says stood here ---------------------------------------------------------------------

    def _claim_published(self) -> None:
        for ref, tag in self._published.items():
            name = named_in(ref)
            if name is not None:
                self._report.checked["published"] += 1
                self._witnesses.add([Claim(name, f"this clone published it as {tag}", tag=tag)])

    def _report_broken_tags(self) -> None:
        for name in self._refs.broken_tags:
            remedy = _restore(name, self._witnesses.claims.get(name, []))
            message = f"Git cannot read {tag_of(*name)}: its file is empty or cut{remedy}"
            self._report.add(1, "ref-broken", place_of(name), message)


def list_refs(repository: GitRepository) -> _Refs:
    """All refs of our shape with their object ids, and those that Git passes over. Raises: StoreUnavailable."""
    wanted = [f"{TAGS}*@v*", ENVIRONMENTS]
    outcome = repository.process.run(["for-each-ref", "--format=%(objectname) %(refname)", *wanted])
    if outcome.code != 0:
        raise repository.process.failure(outcome, "cannot list the refs")
    lines = outcome.output.decode("utf-8", "surrogateescape").splitlines()
    found = {ref: ObjectId(oid) for oid, ref in (line.split(" ", 1) for line in lines)}
    broken = dict.fromkeys(_BROKEN.findall(outcome.error), ObjectId(""))
    return _Refs(_named(found), _environments(found), set(_named(broken)), set(_environments(broken)))


def _named(refs: Mapping[str, ObjectId]) -> dict[Named, ObjectId]:
    return {name: oid for ref, oid in refs.items() if (name := named_in(ref))}


def _environments(refs: Mapping[str, ObjectId]) -> dict[EnvironmentName, ObjectId]:
    return {EnvironmentName(m[1]): oid for ref, oid in refs.items() if (m := _ENVIRONMENT.fullmatch(ref))}


def _restore(name: Named, claims: Collection[Claim]) -> str:
    """What to do: where the object's id is known, the command that puts the tag back."""
    tag = next((claim.tag for claim in claims if claim.tag), None)
    if tag is None:
        return "; fetch the tag from another clone (git fetch REMOTE --tags --force)"
    return f"; put it back with: git update-ref {tag_of(*name)} {tag}"
