"""What changed in the integrations of two versions: which there are, how they are reached, what their specs say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from repoint.changes import Difference
from repoint.comparefiles import Compared, FileCount, Files, Pair, compare_spec, moved_file, nothing, sha
from repoint.componentrules import judged
from repoint_schemas.documents import Integration


def compare_integrations(old: Mapping[str, Integration], new: Mapping[str, Integration], files: Files) -> Compared:
    """Every difference in the integrations, by name. Raises: Corrupt, as reading specs does."""
    found = nothing()
    renames = _renames(old, new)
    former = set(renames.values())
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(renames.get(name, name)), new.get(name)
        if after is None:
            if before is not None and name not in former:
                found.differences.append(judged("integration", name, "integration-removed", before.kind, None))
        elif before is None:
            found.differences.append(judged("integration", name, "integration-added", None, after.kind))
        else:
            if name in renames:
                found.differences.append(_renamed(name, renames[name]))
            found.differences.extend(_compare_integration(name, before, after))
            found.add(_compare_specs(name, before, after, files))
    return found


def _renames(old: Mapping[str, Integration], new: Mapping[str, Integration]) -> dict[str, str]:
    """New names whose kind and spec, or endpoint where neither has a spec, are those of an integration that is gone."""
    gone = [name for name in old if name not in new]
    pairs: dict[str, str] = {}
    for name in new:
        former = next((each for each in gone if name not in old and _same_thing(old[each], new[name])), None)
        if former is not None:
            gone.remove(former)
            pairs[name] = former
    return pairs


def _same_thing(old: Integration, new: Integration) -> bool:
    if old.kind != new.kind:
        return False
    if old.spec is not None and new.spec is not None:
        return old.spec.sha256 == new.spec.sha256
    return old.spec is new.spec and old.endpoint is not None and old.endpoint == new.endpoint


def _renamed(name: str, former: str) -> Difference:
    reason = f"renamed from {former}; under that name it is gone"
    return judged("integration", name, "integration-renamed", former, name, reason=reason, kind="renamed")


def _compare_integration(name: str, old: Integration, new: Integration) -> Iterator[Difference]:
    if old.kind != new.kind:
        yield judged("integration", f"{name}.kind", "integration-kind", old.kind, new.kind)
    if old.endpoint != new.endpoint:
        yield judged("integration", f"{name}.endpoint", "integration-endpoint", old.endpoint, new.endpoint)
    key, before, after = f"{name}.secrets", set(old.secrets), set(new.secrets)
    for secret in sorted(after - before):
        yield judged("integration", key, "secret-added", None, secret)
    for secret in sorted(before - after):
        yield judged("integration", key, "secret-removed", secret, None)
    if before == after and old.secrets != new.secrets:
        yield judged("integration", key, "secrets-order", old.secrets, new.secrets)


def _compare_specs(name: str, old: Integration, new: Integration, files: Files) -> Compared:
    found = nothing()
    if old.spec is None and new.spec is not None:
        found.differences.append(
            judged("integration", f"{name}.spec", "spec-added", None, sha(new.spec), path=new.spec.path)
        )
        found.files.append(FileCount(new.spec.path, None, None, None))
    elif old.spec is not None and new.spec is None:
        found.differences.append(
            judged("integration", f"{name}.spec", "spec-removed", sha(old.spec), None, path=old.spec.path)
        )
        found.files.append(FileCount(old.spec.path, None, None, None))
    elif old.spec is not None and new.spec is not None:
        if old.spec.sha256 != new.spec.sha256:
            found.add(compare_spec(Pair("integration", name, old.spec, new.spec, files.closely), files))
        elif old.spec.path != new.spec.path:
            found.add(moved_file(name, old.spec, new.spec))
    return found
