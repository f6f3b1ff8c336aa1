"""Model names: for each provider names that are pinned and names that its provider may move."""

from __future__ import annotations

import pytest

from repoint.modelnames import floating_reason
from repoint.modelpages import PROVIDER_RULES, ProviderRule

FLOATING = [
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-3-5-sonnet-latest"),
    ("Anthropic", "claude-opus-4-1"),
    ("anthropic", "claude-opus-4"),
    ("anthropic", "sonnet"),
    ("openai", "gpt-4o"),
    ("openai", "gpt-5"),
    ("openai", "o3-mini"),
    ("openai", "chatgpt-4o-latest"),
    ("openai", "gpt-4-turbo-preview"),
    ("openai", "omni-moderation-latest"),
    ("google", "gemini-1.5-pro"),
    ("gemini", "gemini-2.0-flash"),
    ("google", "gemini-flash-latest"),
    ("google", "gemini-2.5-pro-exp"),
    ("vertex_ai", "claude-sonnet-4-5"),
    ("vertex-ai", "publishers/google/models/gemini-2.0-flash"),
    ("vertex", "gemini-pro"),
    ("bedrock", "anthropic.claude-sonnet-4-5"),
    ("aws-bedrock", "us.anthropic.claude-3-7-sonnet-latest"),
    ("azure", "gpt-4o"),
    ("azure-openai", "refund-production"),
    ("azure", "mistral-large"),
    ("mistral", "mistral-large-latest"),
    ("mistralai", "mistral-medium"),
    ("cohere", "command-r"),
    ("cohere", "command-a"),
    ("ollama", "llama3:latest"),
    ("openrouter", "openrouter/auto"),
    ("acme-inference", "house-model@stable"),
    ("anthropic", "anthropic/claude-sonnet-4-5"),
    ("openai", "gpt-5.3-chat-latest"),
    ("openai", "gpt-4o-mini"),
    ("google", "text-bison"),
    ("google", "gemini-1.5-flash"),
    ("bedrock", "claude-sonnet-4-5"),
    ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1"),
    ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5"),
    ("azure", "grok-4"),
    ("mistral", "open-mistral-nemo"),
    ("mistral", "codestral"),
    ("xai", "grok-4"),
    ("x-ai", "grok-code-fast-1"),
    ("deepseek", "deepseek-chat"),
    ("DeepSeek", "deepseek-v4-pro"),
    ("groq", "groq/compound"),
    ("replicate", "meta/meta-llama-3-70b-instruct"),
    ("ollama", "llama3"),
    ("ollama", "library/qwen3"),
    ("ollama", "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M"),
    ("huggingface", "meta-llama/Llama-3.1-8B-Instruct"),
    ("huggingface", "meta-llama/Llama-3.1-8B-Instruct@main"),
    ("hf", "org/model@v1.0"),
    ("openrouter", "openai/gpt-4o:nitro"),
    ("openrouter", "anthropic/claude-sonnet-4.5"),
    ("openrouter", "anthropic/claude-3.7-sonnet:thinking"),
    ("openrouter", "~openai/gpt-latest"),
    ("openrouter", "openrouter/pareto-code"),
    ("openrouter", "x-ai/grok-4"),
    ("litellm", "openai/gpt-4o"),
    ("litellm", "vertex_ai/gemini-1.5-pro"),
    ("local", "house-model:latest"),
]
PINNED = [
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("anthropic", "claude-3-5-sonnet-20241022"),
    ("anthropic", "claude-sonnet-4-6"),
    ("anthropic", "claude-opus-4-7"),
    ("anthropic", "claude-2.1"),
    ("openai", "gpt-4o-2024-08-06"),
    ("openai", "gpt-5-mini-2025-08-07"),
    ("openai", "gpt-4-0613"),
    ("openai", "gpt-4-0125-preview"),
    ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc123"),
    ("openai", "gpt-oss-120b"),
    ("openai", "text-embedding-3-small"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-2.5-flash-lite"),
    ("google", "gemini-3.1-pro-preview"),
    ("google", "gemini-2.5-flash-preview-09-2025"),
    ("google", "gemini-2.5-pro-exp-03-25"),
    ("gemini", "gemini-2.0-flash-001"),
    ("vertex_ai", "claude-haiku-4-5@20251001"),
    ("vertex_ai", "projects/p/locations/l/endpoints/123"),
    ("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0"),
    ("bedrock", "global.anthropic.claude-opus-4-6-v1"),
    ("bedrock", "anthropic.claude-sonnet-4-6"),
    ("bedrock", "amazon.nova-pro-v1:0"),
    ("bedrock", "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"),
    ("azure", "gpt-4o-2024-08-06"),
    ("azure", "refund-gpt-4o-2024-11-20"),
    ("azure", "mistral-large-2411"),
    ("azure", "Cohere-command-r-08-2024"),
    ("mistral", "mistral-large-2411"),
    ("mistral", "open-mixtral-8x7b"),
    ("cohere", "command-r-08-2024"),
    ("cohere", "embed-english-v3.0"),
    ("stability", "stable-diffusion-3.5-large"),
    ("ollama", "llama3.1:8b-instruct-q4_0"),
    ("acme-inference", "house-model-7"),
    ("xai", "grok-4-0709"),
    ("xAI", "grok-4.20-0309-reasoning"),
    ("anthropic", "claude-sonnet-5"),
    ("anthropic", "anthropic/claude-opus-4-8"),
    ("openai", "gpt-5.4-2026-03-05"),
    ("openai", "o3-2025-04-16"),
    ("openai", "omni-moderation-2024-09-26"),
    ("openai-compatible", "house-model-7"),
    ("google", "text-bison@002"),
    ("google", "models/gemini-2.5-flash"),
    ("google", "gemini-embedding-001"),
    ("bedrock", "arn:aws:bedrock:us-east-1:123456789012:imported-model/abc123"),
    ("bedrock", "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("bedrock", "meta.llama3-1-70b-instruct-v1:0"),
    ("bedrock", "openai.gpt-oss-120b-1:0"),
    ("mistral", "magistral-medium-2509"),
    ("mistral", "open-mistral-7b"),
    ("cohere", "command-a-03-2025"),
    ("cohere", "embed-v4.0"),
    ("deepseek", "deepseek-v4-pro-0813"),
    ("groq", "llama-3.3-70b-versatile"),
    ("groq", "moonshotai/kimi-k2-instruct-0905"),
    ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ("fireworks", "accounts/fireworks/models/llama-v3p1-8b-instruct"),
    ("fireworks", "accounts/acme/deployments/refund"),
    ("meta", "Llama-4-Maverick-17B-128E-Instruct-FP8"),
    ("replicate", "meta/llama-2-70b:02e509c789964a7ea8736978a43525956ef40397be9033abf9fd2badfe68c9e3"),
    ("ollama", "registry.ollama.ai/library/qwen3:32b"),
    ("huggingface", "meta-llama/Llama-3.1-8B-Instruct@0e9e39f249a16976918f6564b8830bc894c89659"),
    ("openrouter", "openai/gpt-4o-2024-08-06:online"),
    ("openrouter", "anthropic/claude-sonnet-4.6"),
    ("openrouter", "meta-llama/llama-3.3-70b-instruct:free"),
    ("openrouter", "deepseek/deepseek-chat-v3-0324"),
    ("litellm", "anthropic/claude-sonnet-4-5-20250929"),
    ("vllm", "/models/llama-3.1-8b"),
]


@pytest.mark.parametrize(("provider", "name"), FLOATING)
def test_floating_model_names(provider: str, name: str) -> None:
    assert floating_reason(provider, name) is not None


@pytest.mark.parametrize(("provider", "name"), PINNED)
def test_pinned_model_names(provider: str, name: str) -> None:
    assert floating_reason(provider, name) is None


@pytest.mark.parametrize("rule", PROVIDER_RULES, ids=[rule.provider for rule in PROVIDER_RULES])
def test_the_pages_say_what_is_done(rule: ProviderRule) -> None:
    assert [n for n in rule.pinned_examples if floating_reason(rule.provider, n) is not None] == []
    assert [n for n in rule.floating_examples if floating_reason(rule.provider, n) is None] == []
    assert rule.pinned_examples
    assert rule.floating_examples
    assert rule.reviewed == "2026-11"
    assert rule.address.startswith("https://") == (rule.provider != "local")


def test_a_reason_shows_what_a_pinned_name_looks_like() -> None:
    for provider, name in FLOATING:
        reason = floating_reason(provider, name)
        assert reason is not None
        assert reason[0].islower()
        assert not reason.endswith(".")


@pytest.mark.parametrize("provider", [rule.provider for rule in PROVIDER_RULES])
@pytest.mark.parametrize(
    "name", ["", " ", "/", ":", "@", ".", "a" * 100_000, "-" * 100_000, "0" * 100_000, "a/" * 50_000]
)
def test_odd_names_are_judged_at_once(provider: str, name: str) -> None:
    reason = floating_reason(provider, name)
    assert reason is None or len(reason) < 200
