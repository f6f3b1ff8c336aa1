"""What an API document says beside its operations: addresses, security, information for people, unused components."""

from __future__ import annotations

from repoint.jsonviews import equal_values, mapping, sequence, strings, text, walk
from repoint.openapiview import Document, Operation, base_path
from repoint.schemawords import kind_of_change
from repoint.specfindings import Findings

_READ_ELSEWHERE = {
    "openapi", "swagger", "info", "paths", "webhooks", "components", "definitions", "parameters", "responses",
    "securityDefinitions", "security", "servers", "host", "basePath", "schemes", "tags", "externalDocs", "consumes",
    "produces",
}  # fmt: skip


def compare_settings(old: Document, new: Document, findings: Findings) -> None:
    """Notes all that differs outside the operations, but for components."""
    _versions(old, new, findings)
    _people(old, new, findings)
    _servers(old, new, findings)
    _schemes(old, new, findings)
    where = "all endpoints without a rule of their own"
    _one_security(where, old.root.get("security"), new.root.get("security"), findings)
    for key in sorted((old.root.keys() | new.root.keys()) - _READ_ELSEWHERE):
        _differ("extension-changed", key, old.root.get(key), new.root.get(key), findings)


def _differ(rule: str, where: str, old: object, new: object, findings: Findings) -> None:
    if not equal_values(old, new):
        kind = kind_of_change(old, new)
        findings.add(rule, kind, where, old=old, new=new, reason=kind)


def _versions(old: Document, new: Document, findings: Findings) -> None:
    names = [f"{'Swagger' if each.is_swagger else 'OpenAPI'} {each.version}" for each in (old, new)]
    if names[0] != names[1]:
        reason = "written in another version of the format"
        findings.add("spec-version-changed", "changed", "the document", old=names[0], new=names[1], reason=reason)


def _people(old: Document, new: Document, findings: Findings) -> None:
    before, after = mapping(old.root.get("info")), mapping(new.root.get("info"))
    for key in sorted(before.keys() | after.keys()):
        _differ("documentation-changed", f"info.{key}", before.get(key), after.get(key), findings)
    for key in ("tags", "externalDocs"):
        _differ("documentation-changed", key, old.root.get(key), new.root.get(key), findings)


def _servers(old: Document, new: Document, findings: Findings) -> None:
    before, after = old.server_urls(), new.server_urls()
    if before == after:
        if not old.is_swagger and not new.is_swagger:
            _differ("documentation-changed", "servers", old.root.get("servers"), new.root.get("servers"), findings)
        return
    bases = [{base_path(each) for each in urls} for urls in (before, after)]
    rule, reason, kind = "server-changed", "other servers", kind_of_change(before or None, after or None)
    if before and after and not bases[0] & bases[1]:
        rule, reason = "base-path-changed", "every endpoint has another address"
    elif set(before) == set(after):
        reason = "another order of servers"
    was, becomes = ", ".join(before) or None, ", ".join(after) or None
    findings.add(rule, kind, "servers", old=was, new=becomes, reason=reason)


# -- security --------------------------------------------------------------------------------------------------------

Needs = list[dict[str, frozenset[str]]]
"""Alternatives: each a set of schemes with the scopes that they must carry."""


def compare_security(old: Operation, new: Operation, findings: Findings) -> None:
    """What an operation asks for, unless both versions leave that to the document."""
    if not (old.inherits_security and new.inherits_security):
        _one_security(new.label, old.security, new.security, findings)


def _one_security(where: str, old: object, new: object, findings: Findings) -> None:
    before, after = _needs(old), _needs(new)
    if len(before) == len(after) and all(each in after for each in before):
        return
    tightened = not all(_lets_in(after, each) for each in before)
    rule = "security-tightened" if tightened else "security-loosened"
    reason = "credentials that were enough are refused" if tightened else "fewer credentials are enough"
    findings.add(rule, "changed", where, old=_words(before), new=_words(after), reason=reason)


def _needs(value: object) -> Needs:
    found = [
        {name: frozenset(strings(scopes)) for name, scopes in each.items()}
        for each in sequence(value)
        if isinstance(each, dict)
    ]
    return found or [{}]


def _lets_in(needs: Needs, holder: dict[str, frozenset[str]]) -> bool:
    return any(all(name in holder and scopes <= holder[name] for name, scopes in each.items()) for each in needs)


def _words(needs: Needs) -> str:
    ways = [" and ".join(_scheme_words(name, scopes) for name, scopes in each.items()) for each in needs]
    return " or ".join(way or "nothing" for way in ways)


def _scheme_words(name: str, scopes: frozenset[str]) -> str:
    return f"{name} ({', '.join(sorted(scopes))})" if scopes else name


def _schemes(old: Document, new: Document, findings: Findings) -> None:
    before, after = old.security_schemes, new.security_schemes
    for name in sorted(before.keys() | after.keys()):
        where, was, becomes = f"security scheme {name}", before.get(name), after.get(name)
        if was is None or becomes is None:
            kind = kind_of_change(was, becomes)
            findings.add("security-scheme-detail-changed", kind, where, old=_kind(was), new=_kind(becomes), reason=kind)
        elif not equal_values(was, becomes):
            _scheme(where, was, becomes, findings)


def _kind(scheme: dict[str, object] | None) -> str | None:
    return None if scheme is None else text(scheme.get("type")) or "a scheme"


def _scheme(where: str, old: dict[str, object], new: dict[str, object], findings: Findings) -> None:
    was, becomes = _how_sent(old), _how_sent(new)
    if was != becomes:
        reason = "credentials are sent another way"
        findings.add("security-scheme-changed", "changed", where, old=was, new=becomes, reason=reason)
        return
    for key in sorted(old.keys() | new.keys()):
        rule = "documentation-changed" if key == "description" else "security-scheme-detail-changed"
        if key not in ("type", "in", "name", "scheme", "openIdConnectUrl", "flow"):
            _differ(rule, f"{where}: {key}", old.get(key), new.get(key), findings)


def _how_sent(scheme: dict[str, object]) -> str:
    """Swagger's ``basic`` is OpenAPI's ``http`` with the scheme ``basic``, and its flows have other names."""
    if scheme.get("type") == "basic":
        return "http basic"
    flow = str(scheme.get("flow", ""))
    flow = {"accessCode": "authorizationCode", "application": "clientCredentials"}.get(flow, flow)
    flows = [flow] if flow else sorted(mapping(scheme.get("flows")))
    words = [text(scheme.get(key)) for key in ("type", "in", "name", "openIdConnectUrl")]
    words.append(str(scheme.get("scheme", "")).lower())
    return " ".join(each for each in (*words, *(flows if scheme.get("type") == "oauth2" else [])) if each)


# -- components that nothing refers to -------------------------------------------------------------------------------


def compare_unused(old: Document, new: Document, findings: Findings) -> None:
    """Components that nothing refers to. For the end, when those that were compared are known."""
    if not mapping(old.root.get("paths")) and not mapping(new.root.get("paths")):
        return
    before, after = _components(old), _components(new)
    reached = old.shapes.reached & new.shapes.reached
    names = [name for name in {**before, **after} if name not in reached and not _same(before, after, name)]
    used = _references(old.root) | _references(new.root) if names else set()
    for name in names:
        if name not in used:
            kind = kind_of_change(before.get(name), after.get(name))
            short = name.rsplit("/", 1)[-1]
            was, becomes = (short if name in side else None for side in (before, after))
            where = f"component {name.removeprefix('#/').removeprefix('components/')}"
            reason = f"{kind}; no operation uses it"
            findings.add("unused-component-changed", kind, where, old=was, new=becomes, reason=reason)


def _same(old: dict[str, object], new: dict[str, object], name: str) -> bool:
    return name in old and name in new and equal_values(old[name], new[name])


def _components(document: Document) -> dict[str, object]:
    groups = {f"components/{name}": each for name, each in mapping(document.root.get("components")).items()}
    if document.is_swagger:
        groups = {name: document.root.get(name) for name in ("definitions", "parameters", "responses")}
    return {
        f"#/{group}/{name}": value
        for group, members in groups.items()
        if group != "components/securitySchemes"
        for name, value in mapping(members).items()
    }


def _references(root: object) -> set[str]:
    found: set[str] = set()
    for each in walk(root):
        if isinstance(each, dict):
            found.update(strings([each.get("$ref")]), strings(list(mapping(each.get("mapping")).values())))
    return found
