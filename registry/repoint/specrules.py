"""The rules by which a change inside a structured document is breaking or not, each with its reason and its sources.

The level follows the table "What a version number says about an agent": *major* breaks what others rely on, *minor*
changes or adds behaviour, *patch* is not meant to change it. Rules that begin with ``request`` judge what the agent
sends (parameters, bodies, tool inputs, inputs of a prompt), those with ``response`` what it reads or hands on.

Where the published guides disagree, the reader decides: the reader of a response is a language model or the agent's
own code, no generated client. A further field or value is new behaviour for it, a missing one is a broken promise.
"""

from __future__ import annotations

from repoint.changes import ChangeRule
from repoint_schemas.documents import Bump

_TABLE = "docs/versioning.md, What a version number says about an agent"
_OAS = "OpenAPI Specification 3.1.1"
_VALIDATION = "JSON Schema 2020-12, Validation"
_CORE = "JSON Schema 2020-12, Core"
_MCP = "Model Context Protocol 2025-06-18, Server Features: Tools"
_OPENAI = "OpenAI, Function calling guide"
_ANTHROPIC = "Anthropic, Tool use: implement tool use"
_OASDIFF = "oasdiff, Breaking changes and list of checks"
_AIP = "Google AIP-180, Backwards compatibility"
_ZALANDO = "Zalando RESTful API Guidelines, Compatibility"
_MICROSOFT = "Microsoft REST API Guidelines, Definition of a breaking change"
_STRIPE = "Stripe, API upgrades: backward-compatible changes"
_CONFLUENT = "Confluent Schema Registry, JSON Schema compatibility"
_PROMPTY = "Prompty, front matter specification"
_DOTPROMPT = "Dotprompt reference, Prompt frontmatter and Picoschema"


RULES: dict[str, ChangeRule] = {}
"""All rules by name."""


def _rule(name: str, impact: Bump, why: str, *sources: str) -> None:
    assert name not in RULES, name
    RULES[name] = ChangeRule(name, impact, why, sources)


def _sided(verdict: str, request: tuple[Bump, str], response: tuple[Bump, str], *sources: str) -> None:
    _rule(f"request-{verdict}", *request, *sources)
    _rule(f"response-{verdict}", *response, *sources)


# -- schemas, by direction -------------------------------------------------------------------------------------------

_sided(
    "type-narrowed",
    ("major", "Values of a type that was accepted are refused now; the table calls a narrowed type breaking."),
    ("minor", "What is read is still of a type that was promised, but some forms do not occur any more."),
    _TABLE, _OASDIFF, _CONFLUENT, f"{_VALIDATION}, 6.1.1 type",
)  # fmt: skip
_sided(
    "type-widened",
    ("minor", "All that was accepted still is; the agent may send more now."),
    ("major", "A value may now be of a type that was never promised, and what reads it is not prepared for it."),
    _OASDIFF, _AIP, _CONFLUENT, f"{_VALIDATION}, 6.1.1 type",
)  # fmt: skip
_sided(
    "type-changed",
    ("major", "What was accepted is refused now."),
    ("major", "What is read is of another type than was promised."),
    _TABLE, _AIP, _MICROSOFT, f"{_VALIDATION}, 6.1.1 type",
)  # fmt: skip
_sided(
    "nullable",
    ("minor", "null is accepted in addition."),
    ("major", "null may now stand where a value was promised."),
    _OASDIFF, f"{_OAS}, Schema Object", "OpenAPI Specification 3.0.4, Schema Object: nullable",
)  # fmt: skip
_sided(
    "not-nullable",
    ("major", "null was accepted and is refused now."),
    ("minor", "A value is promised where null could stand."),
    _OASDIFF, f"{_OAS}, Schema Object",
)  # fmt: skip
_sided(
    "enum-set",
    ("major", "Only listed values are accepted now; the table calls a narrowed enum breaking."),
    ("minor", "What is read is one of a list now, and was within what was promised before."),
    _TABLE, _OASDIFF, f"{_VALIDATION}, 6.1.2 enum",
)  # fmt: skip
_sided(
    "enum-lifted",
    ("minor", "All that was accepted still is."),
    ("minor", "Values beyond the list may be read now; as with a further value, the type still holds."),
    _OASDIFF, f"{_VALIDATION}, 6.1.2 enum",
)  # fmt: skip
_sided(
    "enum-value-removed",
    ("major", "A value that was accepted is refused now."),
    ("minor", "A value does not occur any more; all others mean what they meant."),
    _TABLE, _OASDIFF, _AIP, f"{_VALIDATION}, 6.1.2 enum",
)  # fmt: skip
_sided(
    "enum-value-added",
    ("minor", "A further value may be sent; nothing is refused that was accepted."),
    (
        "minor",
        (
            "A value may be read that did not occur before: a generated client may fail on it (oasdiff, Zalando), a"
            " model reads it as a word, so that behaviour is added and no promise broken (AIP-180, with care)."
        ),
    ),
    _AIP, _OASDIFF, _ZALANDO,
)  # fmt: skip
_sided(
    "limit-tightened",
    ("major", "Values beyond the new limit were accepted and are refused now."),
    ("minor", "What is read keeps within a tighter limit than was promised."),
    _OASDIFF, _AIP, f"{_VALIDATION}, 6.2 to 6.5",
)  # fmt: skip
_sided(
    "limit-loosened",
    ("minor", "All that was accepted still is, and more."),
    ("minor", "Values beyond the old limit may be read; their type and meaning hold, so a model copes with them."),
    _OASDIFF, f"{_VALIDATION}, 6.2 to 6.5",
)  # fmt: skip
_sided(
    "format-set",
    ("major", "Values of another format were accepted and are refused now."),
    ("minor", "What is read has a known format now."),
    _OASDIFF, f"{_VALIDATION}, 7 format",
)  # fmt: skip
_sided(
    "format-lifted",
    ("minor", "All that was accepted still is."),
    ("major", "Values of another format may be read now: the format is part of what was promised."),
    _OASDIFF, f"{_VALIDATION}, 7 format",
)  # fmt: skip
_sided(
    "format-changed",
    ("major", "Values of the old format may be refused now."),
    ("major", "What is read has another format than was promised."),
    _OASDIFF, _MICROSOFT, f"{_VALIDATION}, 7 format",
)  # fmt: skip
_sided(
    "pattern-set",
    ("major", "Values that do not fit were accepted and are refused now."),
    ("minor", "What is read fits a pattern now."),
    _OASDIFF, f"{_VALIDATION}, 6.3.3 pattern",
)  # fmt: skip
_sided(
    "pattern-lifted",
    ("minor", "All that was accepted still is."),
    ("minor", "Values that do not fit may be read; their type and meaning hold."),
    _OASDIFF, f"{_VALIDATION}, 6.3.3 pattern",
)  # fmt: skip
_sided(
    "pattern-changed",
    ("major", "Whether one pattern accepts all that another does is not decided here, so it is taken as narrower."),
    ("minor", "Values of another form may be read; their type and meaning hold."),
    _OASDIFF, f"{_VALIDATION}, 6.3.3 pattern",
)  # fmt: skip
_sided(
    "property-removed",
    ("major", "What the agent sends is ignored or refused now; the table calls a removed parameter breaking."),
    ("major", "A field that was promised is not there any more."),
    _TABLE, _AIP, _OASDIFF, _MICROSOFT,
)  # fmt: skip
_sided(
    "property-added",
    ("minor", "An optional parameter is added: the agent may use it and need not."),
    ("minor", "A field is added: readers ignore what they do not know, but a model reads it."),
    _TABLE, _AIP, _STRIPE, _ZALANDO,
)  # fmt: skip
_rule(
    "request-required-property-added", "major",
    "A call without the new field was valid and is refused now.",
    _TABLE, _AIP, _OASDIFF, f"{_VALIDATION}, 6.5.3 required",
)  # fmt: skip
_rule(
    "request-defaulted-property-added", "minor",
    "A new required field with a default: the other side has a value for calls that leave it out (validators of the"
    " letter refuse them, see oasdiff; a caller that always sends the whole object is not concerned).",
    _OASDIFF, f"{_OAS}, Schema Object: default", f"{_VALIDATION}, 9.2 default",
)  # fmt: skip
_sided(
    "property-required",
    ("major", "A call without it was valid and is refused now; the table calls that breaking, default or not."),
    ("minor", "A field that could be missing is always there."),
    _TABLE, _AIP, _OASDIFF, f"{_VALIDATION}, 6.5.3 required",
)  # fmt: skip
_sided(
    "property-optional",
    ("minor", "It may be left out now."),
    ("major", "A field that was always there may be missing now."),
    _OASDIFF, f"{_VALIDATION}, 6.5.3 required",
)  # fmt: skip
_sided(
    "additional-restricted",
    ("major", "Further fields were accepted and are refused now."),
    ("minor", "Fewer fields can be read than before; none that was named is missing."),
    _OASDIFF, _CONFLUENT, f"{_CORE}, 10.3.2.3 additionalProperties",
)  # fmt: skip
_sided(
    "additional-opened",
    ("minor", "Further fields are accepted now."),
    ("minor", "Further fields may be read now; none that was named is missing."),
    _OASDIFF, _CONFLUENT, f"{_CORE}, 10.3.2.3 additionalProperties",
)  # fmt: skip
_sided(
    "alternative-removed",
    ("major", "Values of that alternative were accepted and are refused now."),
    ("minor", "That alternative does not occur any more."),
    _OASDIFF, f"{_CORE}, 10.2.1 allOf, anyOf, oneOf",
)  # fmt: skip
_sided(
    "alternative-added",
    ("minor", "Values of a further form are accepted."),
    ("major", "A value of a form that was never promised may be read."),
    _OASDIFF, f"{_CORE}, 10.2.1 allOf, anyOf, oneOf",
)  # fmt: skip
_sided(
    "union-tightened",
    ("major", "A value that fits two alternatives was accepted and is refused now."),
    ("minor", "What is read fits exactly one alternative."),
    f"{_CORE}, 10.2.1 anyOf and oneOf",
)  # fmt: skip
_sided(
    "union-loosened",
    ("minor", "A value may fit several alternatives now."),
    ("minor", "What is read may fit several alternatives now; each was promised."),
    f"{_CORE}, 10.2.1 anyOf and oneOf",
)  # fmt: skip
_sided(
    "discriminator-changed",
    ("major", "The field or value that tells the alternatives apart is another one."),
    ("major", "The field or value that tells the alternatives apart is another one."),
    _OASDIFF, f"{_OAS}, Discriminator Object",
)  # fmt: skip
_sided(
    "condition-set",
    ("major", "A further condition refuses values that were accepted."),
    ("minor", "What is read fulfils a further condition."),
    f"{_CORE}, 10.2.2 Keywords for applying subschemas conditionally",
)  # fmt: skip
_sided(
    "condition-lifted",
    ("minor", "A condition does not hold any more: more is accepted."),
    ("major", "What was promised under a condition is not promised any more."),
    f"{_CORE}, 10.2.2 Keywords for applying subschemas conditionally",
)  # fmt: skip

# -- any document ----------------------------------------------------------------------------------------------------

_rule("not-comparable", "major",
      "Which of the two accepts more is not decided here: in doubt the higher level, which an engineer may lower"
      " knowingly.", _TABLE)  # fmt: skip
_rule("not-compared", "major", "What lies beyond the budget was not looked at, and is taken as breaking.", _TABLE)
_rule("spec-kind-changed", "major",
      "A document of another kind describes another contract; nothing in it can be held against the old one.",
      _TABLE)  # fmt: skip
_rule("model-text-changed", "minor",
      "Descriptions of tools, operations and parameters are handed to the model, which chooses and fills calls by"
      " them: they are prompt text (the table's patch for descriptions means those for people).",
      _TABLE, _MCP, _OPENAI, _ANTHROPIC, f"{_OAS}, Operation Object")  # fmt: skip
_rule("text-layout-changed", "patch", "The words are the same; only white space differs.", _TABLE)
_rule("model-examples-changed", "minor",
      "Examples in a tool's schema are shown to the model, which imitates them.", _ANTHROPIC, _OPENAI)  # fmt: skip
_rule("documentation-changed", "patch",
      "Titles, comments, contacts, licences, links and examples of an API document are written for people.",
      _TABLE, _OASDIFF, f"{_OAS}, Info Object", f"{_VALIDATION}, 9.1 title and description")  # fmt: skip
_rule("default-changed", "minor",
      "A call that leaves the value out means something else now, but none is refused.", _AIP, _OASDIFF)  # fmt: skip
_rule("deprecation-changed", "minor",
      "Nothing breaks yet; a model or a tool may avoid what is marked as deprecated.", _OASDIFF, _ZALANDO,
      f"{_OAS}, Operation Object: deprecated")  # fmt: skip
_rule("extension-changed", "minor",
      "A keyword that no specification defines: whoever reads it may behave differently.",
      f"{_OAS}, Specification Extensions")  # fmt: skip

# -- OpenAPI and Swagger ---------------------------------------------------------------------------------------------

_rule("endpoint-removed", "major", "Calls to it fail now.", _TABLE, _AIP, _OASDIFF)
_rule("endpoint-added", "minor", "The agent can do more than before.", _TABLE, _AIP)
_rule("endpoint-moved", "major", "Calls to the old address fail, though the operation lives on.", _AIP, _OASDIFF)
_rule("operation-id-changed", "major",
      "Agents and generated tools call an operation by its operationId: under the old name there is no tool any more.",
      f"{_OAS}, Operation Object: operationId", _OASDIFF)  # fmt: skip
_rule("operation-id-added", "minor",
      "The operation has a name of its own now, which tools may take in place of one made from method and path.",
      f"{_OAS}, Operation Object: operationId")  # fmt: skip
_rule("parameter-removed", "major", "What the agent sends is ignored or refused now.", _TABLE, _OASDIFF, _AIP)
_rule("parameter-added", "minor", "An optional parameter is added.", _TABLE, _AIP, _STRIPE)
_rule("required-parameter-added", "major",
      "Calls without it were valid and are refused now; a default means nothing for a required parameter.",
      _TABLE, _OASDIFF, "OpenAPI Specification 2.0, Parameter Object: default")  # fmt: skip
_rule("parameter-required", "major", "Calls without it were valid and are refused now.", _TABLE, _OASDIFF)
_rule("parameter-optional", "minor", "It may be left out now.", _OASDIFF)
_rule("parameter-moved", "major", "It is read from another part of the request; where it was, it is ignored.",
      _OASDIFF, f"{_OAS}, Parameter Object: in")  # fmt: skip
_rule("parameter-serialization-changed", "major", "The same value is written another way on the wire.",
      f"{_OAS}, Parameter Object: style", f"{_OAS}, Encoding Object")  # fmt: skip
_rule("request-body-removed", "major", "What the agent sends is ignored or refused now.", _OASDIFF)
_rule("request-body-added", "minor", "A body may be sent now.", _OASDIFF)
_rule("required-request-body-added", "major", "Calls without a body were valid and are refused now.", _OASDIFF)
_rule("request-body-required", "major", "Calls without a body were valid and are refused now.", _OASDIFF)
_rule("request-body-optional", "minor", "The body may be left out now.", _OASDIFF)
_rule("request-media-type-removed", "major", "Bodies of this type were accepted and are refused now.", _OASDIFF)
_rule("request-media-type-added", "minor", "Bodies of a further type are accepted.", _OASDIFF)
_rule("success-response-removed", "major", "The answer that was promised is not given any more.", _OASDIFF)
_rule("error-response-removed", "minor",
      "An error is not announced any more; calls that succeed are not concerned.", _OASDIFF)  # fmt: skip
_rule("response-added", "minor", "A further answer may be given.", _OASDIFF, _ZALANDO)
_rule("response-media-type-removed", "major", "The form that was read is not offered any more.", _OASDIFF)
_rule("response-media-type-added", "minor", "A further form is offered.", _OASDIFF)
_rule("response-header-removed", "major", "A header that was promised is not sent any more.", _OASDIFF)
_rule("response-optional-header-removed", "minor", "A header that could be missing is missing now.", _OASDIFF)
_rule("response-header-added", "minor", "A further header is sent.", _OASDIFF, _ZALANDO)
_rule("links-changed", "minor", "Hints on what to call next; no call depends on them.", f"{_OAS}, Link Object")
_rule("security-tightened", "major",
      "Credentials or scopes that were enough are refused now.", _OASDIFF,
      f"{_OAS}, Security Requirement Object")  # fmt: skip
_rule("security-loosened", "minor", "Whoever was let in still is; fewer credentials are enough.", _OASDIFF,
      f"{_OAS}, Security Requirement Object")  # fmt: skip
_rule("security-scheme-changed", "major",
      "Credentials are of another kind, or are sent another way.",
      _OASDIFF, f"{_OAS}, Security Scheme Object")  # fmt: skip
_rule("security-scheme-detail-changed", "minor",
      "Where or in what form credentials are obtained differs; how they are sent does not.",
      f"{_OAS}, Security Scheme Object")  # fmt: skip
_rule("base-path-changed", "major",
      "Every endpoint's address begins with it, so all of them have moved.", f"{_OAS}, Paths Object",
      "OpenAPI Specification 2.0: basePath")  # fmt: skip
_rule("server-changed", "minor",
      "Calls go to another host; the contract is the same, and the manifest's endpoint decides.",
      f"{_OAS}, Server Object", _TABLE)  # fmt: skip
_rule("spec-version-changed", "patch",
      "The document is written in another version of its format; what it says is compared apart from that.",
      f"{_OAS}, Versions and Deprecation")  # fmt: skip
_rule("unused-component-changed", "patch",
      "Nothing in the document refers to it, so no call is concerned.", f"{_OAS}, Components Object")  # fmt: skip

# -- tools -----------------------------------------------------------------------------------------------------------

_rule("tool-removed", "major", "The model cannot call it any more; prompts that name it lead nowhere.", _TABLE, _MCP)
_rule("tool-added", "minor", "The agent can do more than before, and may choose it in place of another.", _TABLE, _MCP)
_rule("tool-renamed", "major",
      "A tool is called by its name: under the old one it is gone, whatever its contract.",
      _TABLE, _MCP, _OPENAI)  # fmt: skip
_rule("tool-kind-changed", "major", "A tool of another type has another contract.", _OPENAI, _ANTHROPIC)
_rule("tool-annotations-changed", "minor",
      "Hints such as readOnlyHint and destructiveHint decide whether a client asks before it calls.", _MCP)  # fmt: skip
_rule("tool-strictness-changed", "minor",
      "Whether arguments are forced to fit the schema changes what the model sends, not what is accepted.",
      _OPENAI)  # fmt: skip
_rule("tool-setting-changed", "minor", "A setting of the tool that may change how it is called.", _MCP, _ANTHROPIC)
_rule("tool-metadata-changed", "patch",
      "Display titles, icons, caching marks and _meta are not meant to change what the model does.",
      _MCP, _ANTHROPIC)  # fmt: skip
_rule("tool-order-changed", "patch", "The same tools in another order.", _MCP)
_rule("tool-format-changed", "minor",
      "The same tools written for another interface; their contracts are compared all the same.", _OPENAI, _ANTHROPIC,
      _MCP)  # fmt: skip
_rule("output-schema-removed", "major", "The structure of the result is not promised any more.", _MCP, _TABLE)
_rule("output-schema-added", "minor", "The structure of the result is promised now.", _MCP)

# -- front matter of prompts -----------------------------------------------------------------------------------------

_rule("provider-changed", "major", "Another provider: the table calls that breaking.", _TABLE)
_rule("model-family-changed", "major", "Another family of models: the table calls that breaking.", _TABLE)
_rule("model-named", "minor",
      "Which model a prompt meant without naming one was up to its caller and the manifest, as it still can be.",
      _TABLE, _PROMPTY, _DOTPROMPT)  # fmt: skip
_rule("model-version-changed", "minor", "Another version within the same family of models.", _TABLE)
_rule("model-api-changed", "major",
      "Another kind of call (chat, completion, embedding) returns another kind of result.",
      _PROMPTY, _TABLE)  # fmt: skip
_rule("connection-changed", "minor",
      "Calls go another way to the same provider; behaviour may differ, the contract does not.", _PROMPTY)  # fmt: skip
_rule("sampling-changed", "minor", "Sampling parameters change behaviour.", _TABLE)
_rule("token-limit-raised", "patch", "A raised limit is not meant to change behaviour.", _TABLE)
_rule("token-limit-lowered", "minor", "Answers may be cut short that were not.", _TABLE)
_rule("output-contract-changed", "major", "The form of what the agent hands on is its output contract.", _TABLE)
_rule("prompt-tools-changed", "minor", "The prompt names another set of tools or settings of them.", _DOTPROMPT)
_rule("prompt-tool-removed", "major", "The model cannot call it any more.", _TABLE, _DOTPROMPT)
_rule("template-changed", "minor", "The text is rendered by another engine or parser.", _PROMPTY)
_rule("sample-changed", "patch",
      "Samples are for trying a prompt out; in production the caller's values stand in their place.",
      _PROMPTY)  # fmt: skip
_rule("metadata-changed", "patch",
      "Name, description, authors, tags and version of a prompt are written for people and are not sent to the model.",
      _TABLE, _PROMPTY, _DOTPROMPT)  # fmt: skip
_rule("front-matter-changed", "minor", "A setting whose effect is not known here.", _PROMPTY, _DOTPROMPT)

# -- other documents -------------------------------------------------------------------------------------------------

_rule("value-changed", "minor", "A value differs; behaviour may change.", _TABLE)
_rule("value-added", "minor", "A value was added; behaviour may change.", _TABLE)
_rule("value-removed", "minor", "A value was removed; behaviour may change.", _TABLE)
_rule("order-changed", "minor", "The same elements in another order; where order has a meaning, behaviour changes.",
      _TABLE)  # fmt: skip
