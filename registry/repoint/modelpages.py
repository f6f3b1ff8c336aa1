"""What each provider's page says of its model names, for the reference of the rules; ``modelnames`` acts on it.

One row for each provider: which names are pinned, which move, the page that says so, when it was last read, and
examples that the tests hold against the rule. ``stated`` is False where the page does not say it in so many words and
the rule is our reading of how the provider acts.
"""

from __future__ import annotations

import msgspec


class ProviderRule(msgspec.Struct, frozen=True):
    """How one provider's names are judged; ``provider`` is what a manifest says, the examples are names of models."""

    provider: str
    pinned: str
    floats: str
    page: str
    address: str
    reviewed: str
    pinned_examples: tuple[str, ...]
    floating_examples: tuple[str, ...]
    stated: bool = True


PROVIDER_RULES = (
    ProviderRule(
        "anthropic",
        "IDs with a date; from generation 4.6 on the dateless ID too, which is one fixed snapshot and not a pointer",
        "shorter aliases of older generations, -latest",
        "Claude docs, Model IDs and versioning",
        "https://platform.claude.com/docs/en/about-claude/models/model-ids-and-versions",
        "2026-11",
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-6", "claude-opus-5"),
        ("claude-sonnet-4-5", "claude-3-5-sonnet-latest", "claude-opus-4-1"),
    ),
    ProviderRule(
        "openai",
        "dated snapshots (-YYYY-MM-DD, older ones -MMDD), fine-tuned models, open weights",
        "every name without a date: it points to a snapshot, and is moved to another",
        "OpenAI docs, Models (snapshots) and Deprecations",
        "https://developers.openai.com/api/docs/models",
        "2026-11",
        ("gpt-4o-2024-08-06", "gpt-4-0613", "gpt-5.4-2026-03-05", "gpt-oss-120b"),
        ("gpt-4o", "gpt-5", "gpt-5.3-chat-latest", "o3-mini"),
    ),
    ProviderRule(
        "google",
        "up to 2.0 names that end in three digits; from 2.5 on the bare name; a preview, until it is withdrawn",
        "older bare names (auto-updated aliases), -latest, experiments",
        "Google Cloud, Model versions and lifecycle; Gemini API, Models",
        "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
        "2026-11",
        ("gemini-2.5-pro", "gemini-2.0-flash-001", "gemini-2.5-flash-preview-09-2025"),
        ("gemini-2.0-flash", "gemini-flash-latest", "gemini-2.5-pro-exp", "text-bison"),
    ),
    ProviderRule(
        "vertex",
        "as google; Claude with @YYYYMMDD, Mistral with -YYMM; tuned models behind an endpoint",
        "as google, and the aliases of the other vendors",
        "Google Cloud, Model versions and lifecycle; Partner models",
        "https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
        "2026-11",
        ("claude-haiku-4-5@20251001", "gemini-2.5-flash", "projects/p/locations/l/endpoints/123"),
        ("claude-sonnet-4-5", "gemini-1.5-pro"),
    ),
    ProviderRule(
        "bedrock",
        "model IDs and inference profiles, which carry a version; Claude as at Anthropic; ARNs of one's own models",
        "aliases of Claude, prompt routers",
        "Amazon Bedrock User Guide, Supported foundation models; Claude docs, Model IDs and versioning",
        "https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html",
        "2026-11",
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-6", "amazon.nova-pro-v1:0"),
        (
            "anthropic.claude-sonnet-4-5",
            "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1",
        ),
    ),
    ProviderRule(
        "azure",
        "deployments whose name carries the model's version; a deployment keeps a version that was chosen for it",
        "deployments that do not say it: by default they update themselves within weeks of a new default version",
        "Microsoft Learn, Working with Azure OpenAI models (model updates)",
        "https://learn.microsoft.com/azure/ai-services/openai/how-to/working-with-models",
        "2026-11",
        ("gpt-4o-2024-08-06", "refund-gpt-4o-2024-11-20"),
        ("gpt-4o", "refund-production"),
    ),
    ProviderRule(
        "mistral",
        "names with -YYMM, the first open models with their size or version",
        "names without a date, -latest",
        "Mistral docs, Models",
        "https://docs.mistral.ai/getting-started/models",
        "2026-11",
        ("mistral-large-2411", "magistral-medium-2509", "open-mixtral-8x7b"),
        ("mistral-large-latest", "mistral-medium", "open-mistral-nemo"),
    ),
    ProviderRule(
        "cohere",
        "names with -MM-YYYY, embed and rerank with their version",
        "names without a date, which are aliases of one with a date",
        "Cohere docs, Models",
        "https://docs.cohere.com/docs/models",
        "2026-11",
        ("command-r-08-2024", "command-a-03-2025", "embed-v4.0"),
        ("command-r", "command-a", "command-light"),
    ),
    ProviderRule(
        "xai",
        "names with a date (-MMDD)",
        "names without one: an alias of the newest stable version; -latest",
        "xAI docs, Models (model aliases)",
        "https://docs.x.ai/developers/models",
        "2026-11",
        ("grok-4-0709", "grok-4.20-0309-reasoning", "grok-2-1212"),
        ("grok-4", "grok-4-latest", "grok-code-fast-1"),
    ),
    ProviderRule(
        "deepseek",
        "none of its own API; names with a date, should it have them one day",
        "all names: deepseek-v4-flash was answered by V4.1 under the same name, deepseek-chat by five versions",
        "DeepSeek API docs, Models and pricing; Change log",
        "https://api-docs.deepseek.com/quick_start/pricing",
        "2026-11",
        ("deepseek-v4-pro-0813",),
        ("deepseek-chat", "deepseek-reasoner", "deepseek-v4-flash"),
    ),
    ProviderRule(
        "groq",
        "open weights whose name says their version (Together, Fireworks, Cerebras, SambaNova, DeepInfra, Meta alike)",
        "names without a version, systems of several models",
        "Groq docs, Supported models",
        "https://console.groq.com/docs/models",
        "2026-11",
        ("llama-3.3-70b-versatile", "openai/gpt-oss-120b", "moonshotai/kimi-k2-instruct-0905"),
        ("groq/compound", "compound-beta"),
        stated=False,
    ),
    ProviderRule(
        "replicate",
        "owner/model:VERSION",
        "owner/model, which runs the newest version",
        "Replicate docs, Model versions",
        "https://replicate.com/docs/topics/models/versions",
        "2026-11",
        ("meta/llama-2-70b:02e509c789964a7ea8736978a43525956ef40397be9033abf9fd2badfe68c9e3",),
        ("meta/meta-llama-3-70b-instruct",),
        stated=False,
    ),
    ProviderRule(
        "openrouter",
        "vendor/model by the vendor's own rule; :free, :nitro and other variants choose a route, not a model",
        "routers (openrouter/auto), and what floats at the vendor",
        "OpenRouter docs, Model variants; Auto router",
        "https://openrouter.ai/docs/guides/routing/model-variants/overview",
        "2026-11",
        ("openai/gpt-4o-2024-08-06", "anthropic/claude-sonnet-4.6", "meta-llama/llama-3.3-70b-instruct:free"),
        ("openrouter/auto", "openai/gpt-4o:nitro", "anthropic/claude-sonnet-4.5", "x-ai/grok-4"),
    ),
    ProviderRule(
        "ollama",
        "model:tag; a tag can be pushed again, but the API has nothing tighter",
        "no tag, which means :latest; models straight from a Hugging Face branch",
        "Ollama docs, Model names",
        "https://docs.ollama.com/api",
        "2026-11",
        ("llama3.1:8b-instruct-q4_0", "registry.ollama.ai/library/qwen3:32b"),
        ("llama3", "llama3:latest", "hf.co/org/model:q4_k_m"),
    ),
    ProviderRule(
        "huggingface",
        "org/model@COMMIT",
        "no revision (the branch main), branches and tags, which both can be moved",
        "Hugging Face Hub docs, Download files (revision)",
        "https://huggingface.co/docs/huggingface_hub/guides/download",
        "2026-11",
        ("meta-llama/Llama-3.1-8B-Instruct@0e9e39f249a16976918f6564b8830bc894c89659",),
        ("meta-llama/Llama-3.1-8B-Instruct", "org/model@main", "org/model@v1.0"),
    ),
    ProviderRule(
        "local",
        "everything else (one's own servers and providers not listed here): nothing is known against it",
        "names like latest, stable, default, current, auto",
        "none",
        "",
        "2026-11",
        ("house-model-7", "/models/llama-3.1-8b.gguf"),
        ("house-model:latest", "house-model@stable"),
        stated=False,
    ),
)
