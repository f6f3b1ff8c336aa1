"""Which model names are pinned: the naming rules of the providers, last reviewed in November 2026.

A name *floats* when the provider may let it mean another model tomorrow; a version that names one does not say how
its agent behaves. The rules, and the page of each provider that states them:

* Anthropic, "Model IDs and versioning": before generation 4.6 an ID ends in its date and the dateless form is an
  alias; from 4.6 on the dateless ID is itself the pinned one.
* OpenAI, "Models": dated snapshots (``-YYYY-MM-DD``, older ones ``-MMDD``); a name without a date points to one of
  them.
* Google, "Model versions": up to 2.0 the stable name ends in three digits and the bare name is an alias; from 2.5 on
  the bare name is the stable one. ``latest`` is switched with every release, experiments are replaced without notice;
  a preview is one model until it is withdrawn.
* Amazon Bedrock, "Supported foundation models": IDs carry a version (``-v1:0``); there are no aliases but Claude's.
* Azure OpenAI, "Model versions": a deployment may update itself, and its name says nothing unless it carries the
  version.
* Mistral, "Models": ``-YYMM``. Cohere, "Models": ``-MM-YYYY``; names without a date are aliases.

For a provider that is not listed only names like ``latest`` float.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MOVING = re.compile(r"(?:^|[-_:@/.])latest(?:$|[-_:@/.])|(?:^|[-_:@/.])(?:stable|default|current|newest|auto)$")
_DAY = re.compile(r"(?<![0-9])20[0-9]{2}(-?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9])")

_CLAUDE_DATELESS = re.compile(r"claude-[a-z]+-([0-9]{1,2})(?:-([0-9]{1,2}))?")
_CLAUDE_NUMBERED = re.compile(r"claude-(?:instant-)?(?:1\.[0-9]|2\.[0-9])")
_OPENAI_MONTH_DAY = re.compile(r"gpt-(?:3\.5|4)[a-z0-9.-]*-[0-9]{4}(?:-(?:vision-)?preview)?")
_OPENAI_FIXED = re.compile(r"(?:ft:|gpt-oss-|text-embedding-|whisper-1|tts-1|dall-e-[0-9]|davinci-002|babbage-002).*")
_OPENAI = re.compile(r"gpt|o[0-9]|chatgpt|text-")
_FOUR_DIGITS = re.compile(r"[0-9]{4}")
_GEMINI = re.compile(r"gemini-([0-9]+)(?:\.([0-9]+))?(?:-[a-z-]+)?")
_GOOGLE_NUMBERED = re.compile(r".*(?:-|@)[0-9]{3}|.*-[0-9]{2}-[0-9]{2}|.*-[0-9]{2}-[0-9]{4}|.*-[0-9]{4}")
_BEDROCK_REGION = re.compile(r"(?:us-gov|us|eu|apac|global|jp|au|ca|sa|me|af)\.(?=[a-z0-9]+\.)")
_BEDROCK_VERSION = re.compile(r"-v[0-9]+(?::[0-9]+)*(?::[0-9]+k)?$|:[0-9]+$")
_MISTRAL_FIXED = re.compile(r".*-2[0-9](?:0[1-9]|1[0-2])|open-mi[a-z]+-[0-9].*|ft:.*")
_COHERE_FIXED = re.compile(r".*-(?:0[1-9]|1[0-2])-20[0-9]{2}|(?:embed|rerank)-.*v[0-9]+\.[0-9]+|c4ai-aya-.*")
_SEPARATORS = re.compile(r"[\s_]+")


def floating_reason(provider: str, name: str) -> str | None:
    """Why the name may mean another model tomorrow, or None where it is pinned (or nothing is known against it)."""
    known = _SEPARATORS.sub("-", provider.strip().casefold())
    model = name.strip().casefold()
    if _MOVING.search(model):
        return "is a name that the provider moves to newer models"
    rule = next((rule for prefix, rule in _PROVIDERS if known.startswith(prefix)), None)
    return rule(model) if rule else None


def _anthropic(model: str) -> str | None:
    if _DAY.search(model) or _CLAUDE_NUMBERED.fullmatch(model):
        return None
    dateless = _CLAUDE_DATELESS.fullmatch(model)
    if dateless and (int(dateless[1]), int(dateless[2] or 0)) >= (4, 6):
        return None
    return (
        "is an alias without a date; pinned names look like claude-sonnet-4-5-20250929 (from 4.6 on claude-sonnet-4-6)"
    )


def _openai(model: str) -> str | None:
    if _DAY.search(model) or _OPENAI_MONTH_DAY.fullmatch(model) or _OPENAI_FIXED.fullmatch(model):
        return None
    return "is an alias without a date; pinned names look like gpt-4o-2024-08-06"


def _google(model: str) -> str | None:
    model = model.rpartition("/")[2]
    if model.startswith("claude"):
        return _anthropic(model.replace("@", "-"))
    if model.startswith(("mistral", "codestral", "ministral")):
        return _mistral(model.partition("@")[0])
    if not model.startswith("gemini") or _GOOGLE_NUMBERED.fullmatch(model):
        return None
    version = _GEMINI.fullmatch(model)
    experimental = re.search(r"-exp(?:erimental)?\b", model)
    if version and not experimental and (int(version[1]), int(version[2] or 0)) >= (2, 5):
        return None
    return "is an alias or an experiment; pinned names look like gemini-2.5-pro or gemini-2.0-flash-001"


def _bedrock(model: str) -> str | None:
    if model.startswith("arn:") and "foundation-model/" not in model:
        return None
    vendor, _, rest = _BEDROCK_REGION.sub("", model.rpartition("/")[2]).partition(".")
    if vendor == "anthropic" and not _BEDROCK_VERSION.search(rest):
        return _anthropic(rest)
    return None


def _azure(model: str) -> str | None:
    for prefix, rule in (("claude", _anthropic), ("mistral", _mistral), ("cohere", _cohere)):
        if model.startswith(prefix):
            return rule(model)
    if _openai(model) is None or (not _OPENAI.match(model) and _FOUR_DIGITS.search(model)):
        return None
    return (
        "is a deployment whose name does not say its version, and it may update itself; name it as in gpt-4o-2024-08-06"
    )


def _mistral(model: str) -> str | None:
    if _MISTRAL_FIXED.fullmatch(model):
        return None
    return "is an alias without a date; pinned names look like mistral-large-2411"


def _cohere(model: str) -> str | None:
    if _COHERE_FIXED.fullmatch(model):
        return None
    return "is an alias without a date; pinned names look like command-r-08-2024"


_PROVIDERS: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    ("anthropic", _anthropic),
    ("azure", _azure),
    ("microsoft", _azure),
    ("openai", _openai),
    ("google", _google),
    ("gemini", _google),
    ("vertex", _google),
    ("bedrock", _bedrock),
    ("aws", _bedrock),
    ("amazon", _bedrock),
    ("mistral", _mistral),
    ("cohere", _cohere),
)
