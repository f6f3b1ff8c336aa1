"""Keys of ``[config]`` that are nearly a known one: kept as they are, and read by nobody (rule ``config-typo``).

The configuration is open, because every provider has parameters of its own; so only a key that differs from a known one
by a slip of the hand or by how it is joined is reported, and no name that a provider's own API uses.
"""

from __future__ import annotations

from collections.abc import Iterator

from repoint.tomlsource import KeyPath

KNOWN = ("temperature", "top_p", "max_tokens", "stop", "seed", "timeout_seconds", "retry")
KNOWN_RETRY = ("max_attempts", "initial_seconds", "max_seconds", "multiplier", "jitter")

_OF_PROVIDERS = frozenset(
    (
        "top_k",
        "top_a",
        "top_n",
        "min_p",
        "max_retries",
        "max_output_tokens",
        "max_completion_tokens",
        "max_new_tokens",
        "min_tokens",
        "min_seconds",
        "stop_sequences",
        "stops",
        "n",
        "seeds",
        "thinking_tokens",
        "max_token_count",
        "timeout",
        "timeouts",
        "timeout_ms",
        "timeout_minutes",
    )
)
"""Keys near a known one that OpenAI, Anthropic, Google, Cohere, Bedrock, vLLM or an agent's own code may mean."""


def config_typos(config: dict[str, object]) -> Iterator[tuple[KeyPath, str]]:
    """The key path of every likely slip, and the known key that was probably meant."""
    for key in config:
        if (meant := _meant(key, KNOWN)) is not None:
            yield ("config", key), meant
    retry = config.get("retry")
    for key in retry if isinstance(retry, dict) else ():
        if (meant := _meant(key, KNOWN_RETRY)) is not None:
            yield ("config", "retry", key), f"retry.{meant}"


def _meant(key: str, known: tuple[str, ...]) -> str | None:
    if key in known or key in _OF_PROVIDERS or len(key) > 40:
        return None
    return next((each for each in known if _is_slip(key, each)), None)


def _is_slip(key: str, known: str) -> bool:
    bare = key.casefold().replace("-", "").replace("_", "").replace(" ", "")
    meant = known.replace("_", "")
    if bare == meant:
        return True  # joined otherwise, as in maxTokens or Top-P
    if len(known) <= 4:
        return False
    return _distance(bare, meant, substitution=1 if len(known) > 6 else 3) <= (2 if len(known) >= 10 else 1)


def _distance(a: str, b: str, *, substitution: int) -> int:
    """Slips between two short words: a letter more, less, another (which may count for more), or two swapped."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        following = [i + 1]
        for j, y in enumerate(b):
            cost = min(row[j + 1] + 1, following[j] + 1, row[j] + (0 if x == y else substitution))
            if i and j and x == b[j - 1] and a[i - 1] == y:
                cost = min(cost, before[j - 1] + 1)
            following.append(cost)
        before, row = row, following
    return row[-1]
