"""The rules by which a change of a component is judged: the table "What a version number says about an agent", by name.

What happens inside a spec or inside front matter has rules of its own (specrules). An engineer may publish below what
these rules say, knowingly; ``--bump auto`` never does.
"""

from __future__ import annotations

from repoint.changes import ChangeRule, Component, Difference, Kind
from repoint_schemas.documents import Bump

_SEMVER = "Semantic Versioning 2.0.0, sections 6 to 8"
_OTEL = "OpenTelemetry semantic conventions, gen_ai.request.*"

RULES: dict[str, ChangeRule] = {
    rule.name: rule
    for rule in (
        ChangeRule("agent-removed", "major", "The agent is not live there: whoever requires it finds nothing."),
        ChangeRule("agent-added", "minor", "The agent is live only there."),
        ChangeRule(
            "model-provider",
            "major",
            "Another provider: prices, limits, data handling and answers all differ.",
            (_SEMVER,),
        ),
        ChangeRule(
            "model-family",
            "major",
            "Another family of models answers in another way, whatever the prompt says.",
            (_SEMVER,),
        ),
        ChangeRule(
            "model-version", "minor", "Another version within the family: meant to do the same, better.", (_SEMVER,)
        ),
        ChangeRule(
            "integration-removed", "major", "What the agent could do with it, it cannot do any more.", (_SEMVER,)
        ),
        ChangeRule(
            "integration-renamed",
            "major",
            "Tools and settings are found by the integration's name: under the old one they are gone.",
        ),
        ChangeRule("integration-added", "minor", "The agent can do more than before."),
        ChangeRule("integration-kind", "major", "Another kind of integration is called in another way."),
        ChangeRule("integration-endpoint", "minor", "It is called at another address."),
        ChangeRule(
            "secret-added", "minor", "Every environment must provide the secret before this version works there."
        ),
        ChangeRule("secret-removed", "minor", "The secret is not handed over any more."),
        ChangeRule("secrets-order", "patch", "The same secrets, listed another way."),
        ChangeRule("spec-added", "minor", "The contract is described now."),
        ChangeRule("spec-removed", "major", "Nothing describes the contract any more: the tools in it are gone."),
        ChangeRule("spec-layout", "patch", "The same contract, written another way."),
        ChangeRule(
            "spec-opaque",
            "major",
            "The spec cannot be compared by its structure; whether it narrows is not known: taken as breaking.",
        ),
        ChangeRule(
            "requires-added", "major", "Another agent is required now: where it is not live, this version may not be."
        ),
        ChangeRule("requires-removed", "minor", "The agent works without the other one now."),
        ChangeRule("requires-narrowed", "major", "The range excludes versions that it allowed."),
        ChangeRule("requires-widened", "minor", "The range allows more versions."),
        ChangeRule("requires-layout", "patch", "The same range, written another way."),
        ChangeRule("config-output", "major", "What the agent gives back has another form: whoever reads it must know."),
        ChangeRule("config-sampling", "minor", "Sampling decides which of the possible answers is given.", (_OTEL,)),
        ChangeRule("config-limit-raised", "patch", "A raised limit lets through what was cut off before."),
        ChangeRule("config-limit-lowered", "minor", "A lowered limit can cut off what was let through."),
        ChangeRule("config-tool-removed", "major", "The agent is not given a tool any more that it had."),
        ChangeRule("config-tool-added", "minor", "The agent is given another tool, or its tools in another order."),
        ChangeRule("config-timing", "patch", "Timeouts and retries are not meant to change what is answered."),
        ChangeRule("config-changed", "minor", "A setting that only the agent knows: its behaviour may change."),
        ChangeRule("prompt-added", "minor", "The agent has one more prompt."),
        ChangeRule("prompt-removed", "minor", "The agent has one prompt less."),
        ChangeRule("prompt-renamed", "minor", "Prompts are found by their name: the code that reads them must follow."),
        ChangeRule("prompt-text", "minor", "The model reads another text."),
        ChangeRule("prompt-order", "minor", "The model reads the same lines in another order."),
        ChangeRule("prompt-examples", "minor", "The model is shown other examples."),
        ChangeRule("prompt-layout", "patch", "The same values, written another way: white space, key order, comments."),
        ChangeRule("prompt-white-space", "patch", "Only white space differs."),
        ChangeRule("prompt-line-endings", "patch", "Only line endings differ."),
        ChangeRule("prompt-comments", "patch", "Only comments differ that are stripped before a model reads the text."),
        ChangeRule(
            "prompt-head-unread",
            "major",
            "The front matter cannot be compared; which inputs and outputs are gone is not known.",
        ),
        ChangeRule("prompt-opaque", "minor", "The file is no text, or too large to look into."),
        ChangeRule("file-moved", "patch", "The same content lies elsewhere in the agent's folder."),
        ChangeRule("manifest-text", "patch", "Only description, owners, comments or layout of the manifest differ."),
    )
}


def judged(
    component: Component,
    name: str,
    rule: str,
    old: object,
    new: object,
    *,
    reason: str | None = None,
    kind: Kind | None = None,
    path: str | None = None,
) -> Difference:
    """A difference as its rule judges it; ``reason`` says more than the rule does."""
    found: Kind = kind or ("added" if old is None else "removed" if new is None else "changed")
    impact: Bump = RULES[rule].impact
    return Difference(component, name, found, impact, old, new, reason or judged_words(rule), rule, path)


def judged_words(rule: str) -> str:
    """Why a rule judges as it does, as the reason of a difference."""
    why = RULES[rule].why.rstrip(".")
    return why[:1].lower() + why[1:]
