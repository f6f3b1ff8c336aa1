"""Which model names are pinned: the naming rules of the providers, last reviewed in November 2026.

A name *floats* when the provider may let it mean another model tomorrow; a version that names one does not say how its
agent behaves. What each provider says, with its page, the date of the review and examples, stands in ``modelpages``,
whose examples the tests hold against this module. Where a page leaves doubt, the name floats: allowing it takes a line
with a reason, missing it takes an incident. For a provider that is not listed only names like ``latest`` float.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# Compiled on first use (``re`` keeps them): a commit judges one name of one provider.
_MOVING = (
    r"(?:^|[-_:@/.~])latest(?:$|[-_:@/.])|(?:^|[-_:@/.])(?:stable|default|current|newest|auto|main|master|head)$|^~"
)
_DAY = r"(?<![0-9])20[0-9]{2}(-?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
_MONTH_DAY = r"(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12][0-9]|3[01])"

_CLAUDE_DATELESS = r"claude-[a-z]+-([0-9]{1,2})(?:-([0-9]{1,2}))?"
_CLAUDE_NUMBERED = r"claude-(?:instant-)?(?:1\.[0-9]|2\.[0-9])"
_OPENAI_MONTH_DAY = r"gpt-(?:3\.?5|4)[a-z0-9.-]*-[0-9]{4}(?:-(?:vision-)?preview)?"
_OPENAI_FIXED = (
    r"(?:ft:|gpt-oss-|text-embedding-|whisper-1|tts-1|dall-e-[0-9]|davinci-002|babbage-002).*|text-moderation-[0-9]+"
)
_OPENAI = r"gpt|o[0-9]|chatgpt|text-"
_GEMINI = r"gemini-([0-9]+)(?:\.([0-9]+))?(?:-[a-z-]+)?"
_GOOGLE_NUMBERED = r".*(?:-|@)[0-9]{3}|.*-[0-9]{2}-[0-9]{2}|.*-[0-9]{2}-[0-9]{4}|.*-[0-9]{4}"
_GOOGLE_ALIASED = (
    r"(?:text|chat|code|codechat|textembedding|multimodalembedding|imagegeneration|medlm)(?:-[a-z-]+)?(?:@latest)?"
)
_BEDROCK_REGION = r"(?:us-gov|us|eu|apac|global|jp|au|ca|sa|me|af)\.(?=[a-z0-9]+\.)"
_BEDROCK_VERSION = r"-v[0-9]+(?::[0-9]+)*(?::[0-9]+k)?$|:[0-9]+$"
_MISTRAL_FIXED = r".*-2[0-9](?:0[1-9]|1[0-2])|open-mi[a-z]+-[0-9].*|mi[sx]tral-[0-9x]+b.*-v[0-9.]+|ft:.*"
_COHERE_FIXED = r".*-(?:0[1-9]|1[0-2])-20[0-9]{2}|(?:embed|rerank)-.*v[0-9]+\.[0-9]+|c4ai-aya-.*"
_COMMIT = r".+[@:][0-9a-f]{7,64}"
_VARIANT = r":(?:free|nitro|floor|exacto|online|thinking|extended|batch|beta)$"


def floating_reason(provider: str, name: str) -> str | None:
    """Why the name may mean another model tomorrow, or None where it is pinned (or nothing is known against it)."""
    known = re.sub(r"[\s_]+", "-", provider.strip().casefold())
    model = name.strip().casefold().removeprefix(f"{known}/")
    if re.search(_MOVING, model):
        return "is a name that the provider moves to newer models"
    rule = next((rule for prefix, rule in _PROVIDERS if known.startswith(prefix)), None)
    return rule(model) if rule else None


def _anthropic(model: str) -> str | None:
    if re.search(_DAY, model) or re.fullmatch(_CLAUDE_NUMBERED, model):
        return None
    dateless = re.fullmatch(_CLAUDE_DATELESS, model)
    if dateless and (int(dateless[1]), int(dateless[2] or 0)) >= (4, 6):
        return None
    return (
        "is an alias without a date; pinned names look like claude-sonnet-4-5-20250929 (from 4.6 on claude-sonnet-4-6)"
    )


def _openai(model: str) -> str | None:
    if re.search(_DAY, model) or re.fullmatch(_OPENAI_MONTH_DAY, model) or re.fullmatch(_OPENAI_FIXED, model):
        return None
    return "is an alias without a date; pinned names look like gpt-4o-2024-08-06"


def _google(model: str) -> str | None:
    model = model.rpartition("/")[2]
    if model.startswith("claude"):
        return _anthropic(model.replace("@", "-"))
    if model.startswith(("mistral", "codestral", "ministral")):
        return _mistral(model.partition("@")[0])
    if re.fullmatch(_GOOGLE_ALIASED, model):
        return "is an auto-updated alias; pinned names end in a number, as in text-bison@002"
    if not model.startswith("gemini") or re.fullmatch(_GOOGLE_NUMBERED, model):
        return None
    version = re.fullmatch(_GEMINI, model)
    experimental = re.search(r"-exp(?:erimental)?\b", model)
    if version and not experimental and (int(version[1]), int(version[2] or 0)) >= (2, 5):
        return None
    return "is an alias or an experiment; pinned names look like gemini-2.5-pro or gemini-2.0-flash-001"


def _bedrock(model: str) -> str | None:
    if "prompt-router/" in model:
        return "is a prompt router, which chooses among models; name one of them"
    if model.startswith("arn:") and not re.search(r":(?:foundation-model|inference-profile)/", model):
        return None
    vendor, _, rest = re.sub("^" + _BEDROCK_REGION, "", model.rpartition("/")[2]).partition(".")
    if vendor.startswith("claude-"):
        return _anthropic(model)
    if vendor == "anthropic" and not re.search(_BEDROCK_VERSION, rest):
        return _anthropic(rest)
    return None


def _azure(model: str) -> str | None:
    for prefix, rule in (("claude", _anthropic), ("mistral", _mistral), ("cohere", _cohere), ("grok", _xai)):
        if model.startswith(prefix):
            return rule(model)
    if _openai(model) is None or (not re.match(_OPENAI, model) and re.search(r"[0-9]{4}", model)):
        return None
    return (
        "is a deployment whose name does not say its version, and it may update itself; name it as in gpt-4o-2024-08-06"
    )


def _mistral(model: str) -> str | None:
    if re.fullmatch(_MISTRAL_FIXED, model):
        return None
    return "is an alias without a date; pinned names look like mistral-large-2411"


def _cohere(model: str) -> str | None:
    if re.fullmatch(_COHERE_FIXED, model):
        return None
    return "is an alias without a date; pinned names look like command-r-08-2024"


def _xai(model: str) -> str | None:
    if re.search(rf"-(?:{_MONTH_DAY})(?:-|$)", model):
        return None
    return "is an alias for the newest stable version; pinned names carry a date, as in grok-4-0709"


def _deepseek(model: str) -> str | None:
    if re.search(rf"-(?:{_MONTH_DAY})(?:-|$)", model):
        return None
    return "is moved by the provider, whose own API has no dated names; a host of the open weights has"


def _hosted(model: str) -> str | None:
    """Open weights at a host: the name says which weights where it says which version of them."""
    if re.search(r"[0-9]", model.rpartition("/")[2]) or "/deployments/" in model:
        return None
    return "does not say which version of the model; pinned names look like llama-3.3-70b-versatile"


def _replicate(model: str) -> str | None:
    return None if re.fullmatch(_COMMIT, model) else "has no version; pinned names look like owner/model:VERSION-ID"


def _hugging_face(model: str) -> str | None:
    if re.fullmatch(_COMMIT, model):
        return None
    return "follows a branch of its repository; pinned names carry a commit, as in org/model@0e9e39f249a1"


def _ollama(model: str) -> str | None:
    if model.startswith(("hf.co/", "huggingface.co/")):
        return "follows the main branch of its repository; make a model of your own from a downloaded commit"
    if ":" in model.rpartition("/")[2]:
        return None
    return "has no tag, which means :latest; pinned names look like llama3.1:8b-instruct-q4_0"


def _gateway(model: str) -> str | None:
    """``vendor/model`` at a router: the vendor's own rule, whatever the variant of the route."""
    vendor, _, rest = re.sub(_VARIANT, "", model.removeprefix("openrouter/")).rpartition("/")
    if not vendor:
        known = next((rule for start, rule in _BY_NAME if rest.startswith(start)), None)
        if known is not None:
            return known(rest)
        return "is a router, which chooses among models; pinned names look like openai/gpt-4o-2024-08-06"
    rule = _VENDORS.get(vendor.rpartition("/")[2].replace("_", "-"), _hosted)
    return rule(rest.replace(".", "-") if rule is _anthropic else rest)


_VENDORS: dict[str, Callable[[str], str | None]] = {
    "anthropic": _anthropic,
    "openai": _openai,
    "google": _google,
    "gemini": _google,
    "vertex-ai": _google,
    "bedrock": _bedrock,
    "azure": _azure,
    "mistralai": _mistral,
    "mistral": _mistral,
    "cohere": _cohere,
    "x-ai": _xai,
    "xai": _xai,
    "ollama": _ollama,
    "ollama-chat": _ollama,
}
_BY_NAME = (("gpt-", _openai), ("ft:gpt-", _openai), ("claude-", _anthropic), ("gemini-", _google))
"""Gateways such as LiteLLM take these names without their vendor's."""

_PROVIDERS: tuple[tuple[str, Callable[[str], str | None] | None], ...] = (
    ("openai-compatible", None),
    ("openai-like", None),
    ("anthropic", _anthropic),
    ("claude", _anthropic),
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
    ("xai", _xai),
    ("x-ai", _xai),
    ("x.ai", _xai),
    ("grok", _xai),
    ("deepseek", _deepseek),
    ("groq", _hosted),
    ("together", _hosted),
    ("fireworks", _hosted),
    ("cerebras", _hosted),
    ("sambanova", _hosted),
    ("deepinfra", _hosted),
    ("meta", _hosted),
    ("llama-api", _hosted),
    ("replicate", _replicate),
    ("huggingface", _hugging_face),
    ("hugging-face", _hugging_face),
    ("hf", _hugging_face),
    ("ollama", _ollama),
    ("openrouter", _gateway),
    ("litellm", _gateway),
    ("vercel", _gateway),
    ("github", _gateway),
    ("copilot", _gateway),
    ("portkey", _gateway),
)
