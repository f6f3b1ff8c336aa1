"""The lint rules about specs and about what a manifest names: why each is there, how to mend a finding, whose facts.

They stand apart from the checks so that ``check --explain`` loads no parser.
"""

from __future__ import annotations

from repoint.findings import Rule

_JSON = "RFC 8259, The JavaScript Object Notation (JSON) Data Interchange Format"
_YAML = "YAML 1.2.2"
_OPENAPI = ("OpenAPI Specification 3.1.1", "OpenAPI Specification 3.0.4", "OpenAPI Specification 2.0")
_MCP = "Model Context Protocol, specification 2025-11-25, Tools"

SPEC_RULES: tuple[Rule, ...] = (
    Rule(
        "spec-unparsable",
        "error",
        "A spec that its own syntax does not allow is read by no tool, or by each in another way: the agent loses its "
        "tools when it loads it.",
        "Mend the line that is named. JSON has no comments and no comma before a closing bracket; YAML has no tabs in "
        "its indentation.",
        (_JSON, _YAML, "TOML 1.0.0", "jsonlines.org"),
    ),
    Rule(
        "duplicate-key",
        "error",
        "Of a key that stands twice in one object some parsers keep the first value, some the last, and some refuse "
        "the file: a reviewer cannot tell which one the agent gets.",
        "Remove or rename one of the two.",
        (f"{_JSON}, section 4", f"{_YAML}, section 3.2.1.1"),
    ),
    Rule(
        "yaml-alias-bomb",
        "error",
        "Aliases of aliases make a small file expand beyond any memory in whatever reads it.",
        "Write the repeated parts out, or refer to them with $ref. One anchor used in many places is no problem.",
        ("CWE-776, Improper Restriction of Recursive Entity References",),
    ),
    Rule(
        "spec-too-deep",
        "error",
        "Parsers give up at some depth, each at another one, some of them by crashing; nothing that people write is "
        "nested more than 64 levels deep.",
        "Move inner schemas to components or $defs and refer to them with $ref.",
        (f"{_JSON}, section 9",),
    ),
    Rule(
        "spec-too-large",
        "warning",
        "A document of more than 16 MiB (TOML: 1 MiB) is kept and published, but nothing looks into it: no lint, no "
        "comparison by structure.",
        "Split it, or keep only the operations that the agent may call: a model cannot use so many anyway.",
        (),
    ),
    Rule(
        "spec-invalid",
        "error",
        "A spec that breaks the rules of its format is refused by the tools that load it, or a tool reaches the model "
        "other than it was meant.",
        "Mend the place that is named; the message says what the format wants there.",
        (
            *_OPENAPI,
            _MCP,
            "JSON Schema Validation, draft 4 to 2020-12",
            "OpenAI API reference, tools",
            "Anthropic API reference, Messages, tools",
        ),
    ),
    Rule(
        "external-ref",
        "error",
        "What a $ref to a URL or to a file outside the version names is not part of the version: it can change, or "
        "be gone, and a rollback does not bring it back. Such a reference is never followed.",
        "Bundle the spec into one file, or name the other file in agent.toml as well.",
        ("OpenAPI Specification 3.1.1, Reference Object", "JSON Schema Core 2020-12, section 8.2.3"),
    ),
    Rule(
        "broken-ref",
        "error",
        "A $ref that points nowhere makes most tools refuse the whole spec.",
        "Correct the name, or define what it refers to.",
        ("RFC 6901, JavaScript Object Notation (JSON) Pointer", "OpenAPI Specification 3.1.1, Reference Object"),
    ),
    Rule(
        "unused-file",
        "warning",
        "A file beside the prompts or the specs that no entry of agent.toml names is not part of any version, "
        "though it looks as if it were.",
        "Name it under [prompts] or as the spec of an integration, or remove it.",
    ),
    Rule(
        "unknown-variable",
        "warning",
        "A template variable that nothing fills is mostly a slip of the pen: the prompt reaches the model with a gap, "
        "or is not rendered at all. Looked for only where variables are declared: in front matter, under "
        "[config.variables], or by the examples.",
        "Correct the name, or declare the variable.",
        (
            "Jinja, Template Designer Documentation",
            "Handlebars, Language Guide",
            "mustache(5)",
            "Prompty, specification",
            "Dotprompt, reference",
        ),
    ),
    Rule(
        "unused-variable",
        "warning",
        "An input that front matter declares and the template never uses: what callers pass does not reach the model.",
        "Use it in the template, or remove the declaration.",
        ("Prompty, specification", "Dotprompt, reference"),
    ),
    Rule(
        "unmet-requires",
        "warning",
        "No published version satisfies the range: nobody can meet this requirement as things stand.",
        "Widen the range, publish the other agent first, or correct its name.",
        ("Semantic Versioning 2.0.0, section 11",),
    ),
)
