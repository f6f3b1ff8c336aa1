"""The two readers of ``agent.toml``, the fast one and the one that explains, accept exactly the same manifests."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from repoint.errors import InvalidInput
from repoint.manifest import read_manifest
from repoint_schemas import manifest_explained
from repoint_schemas.manifest import Manifest

from tests.unit.altered import changed

GOOD: dict[str, object] = {
    "schema": "repoint.manifest/1",
    "agent": {"name": "refund", "description": "Decides refund requests", "owners": ["payments@acme.example"]},
    "model": {"provider": "anthropic", "name": "claude-sonnet-4-5-20250929"},
    "prompts": {"system": "prompts/system.md"},
    "integrations": {
        "payments": {
            "kind": "openapi",
            "endpoint": "https://payments.acme.example/v1",
            "spec": "integrations/payments.json",
            "secrets": ["PAYMENTS_API_KEY"],
        }
    },
    "config": {
        "temperature": 0.2,
        "top_p": 1.0,
        "max_tokens": 1024,
        "stop": ["END"],
        "seed": 7,
        "timeout_seconds": 30,
        "style": "brief",
        "retry": {
            "max_attempts": 3,
            "initial_seconds": 0.5,
            "max_seconds": 8,
            "multiplier": 2.0,
            "jitter": 0.1,
            "strategy": "exponential",
        },
    },
    "requires": {"intake": ">=2.0.0,<3.0.0"},
}

JUNK: list[object] = [
    "", " ", "x", "a\nb", "a\n", "\x85", "é", "\x00", 0, -1, 1, 2**53 - 1, 2**53, 2**64, 0.0, -0.0, 1.0, 1.5, -2.0,
    1e300, float("inf"), float("nan"), True, False, [], {}, ["x"], ["x", "x"], [1], [""], [["x"]], [True], {"a": 1},
    {"a": "x"}, {"": "x"}, {"a\n": "x"}, [{"a": 1}], {"name": "x"}, {"kind": "mcp"}, {"x": {"kind": "mcp"}},
]  # fmt: skip
NAMES: list[object] = ["a", "-a", "a-", "A", "a_b", "a.b", "9", "a" * 63, "a" * 64, "refund\n", "réfund", "٣"]
URLS: list[object] = [
    "http://localhost:8080/v1", "wss://x.example/mcp", "https://[::1]:9/", "https://[::1", "https://x:0/",
    "https://x:y/", "https://x:99999/", "https://u:p@x/", "https://u@x", "https://x/@", "javascript:alert(1)", "https://",
    "https:", "//x", "stdio:run", "grpc://x", "HTTPS://x", "https://x y/", " https://x", "https://x\n", "https://x/\t",
    "https://é.example", "http://[v1.x]/", "https://x\x00",
]  # fmt: skip
VALUES: dict[str, list[object]] = {
    "schema": ["repoint.manifest/2", "repoint.config/1", "repoint.manifest/1 "],
    "agent": [],
    "agent.name": NAMES,
    "agent.description": ["a\nb", "x" * 5000],
    "agent.owners": [["a", "a"], ["a", 1], [" a"], ["a\nb"]],
    "agent.unknown": [],
    "model": [],
    "model.provider": ["acme cloud", "x\x7f"],
    "model.name": ["x "],
    "prompts": [{f"{name}": "x"} for name in NAMES],
    "prompts.system": [],
    "prompts.a b": [],
    "integrations": [{f"{name}": {"kind": "mcp"}} for name in NAMES],
    "integrations.payments": [],
    "integrations.payments.kind": ["mcp", "function", "http", "grpc", "OpenAPI"],
    "integrations.payments.endpoint": URLS,
    "integrations.payments.spec": ["/etc/passwd"],
    "integrations.payments.secrets": [["A", "B"], ["A", "A"], ["a"], ["A" * 128], ["A" * 129], ["9A"], ["Ä"], ["A\n"]],
    "integrations.payments.unknown": [],
    "config": [],
    "config.temperature": [2, 2.0, 2.1],
    "config.top_p": [1, 1.1],
    "config.max_tokens": [1.0, 1e15, 0.0],
    "config.stop": ["END", ["a", "b"], ["a", 1]],
    "config.seed": [-5, -5.0],
    "config.timeout_seconds": [0.001],
    "config.unknown": [{"a": {"b": [1.0, -0.0, {"c": 2.5}]}}],
    "config.retry": [],
    "config.retry.max_attempts": [2.0],
    "config.retry.initial_seconds": [],
    "config.retry.max_seconds": [],
    "config.retry.multiplier": [0.9],
    "config.retry.jitter": [0.5, 1.0001],
    "config.retry.unknown": [],
    "requires": [{"a": "x", "b": "y"}],
    "requires.intake": [],
    "unknown": [],
}
"""Values for each key, good and bad; any may also become junk, go missing or, where it is unknown, be added."""


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """The example with two or three changes."""
    values = GOOD
    for path in draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=2, max_size=3)):
        values = changed(values, path, draw(st.sampled_from([*VALUES[path], *JUNK, None])))
    return values


def accepted_by_both(folder: Path, values: dict[str, object]) -> bool:
    """Whether ``agent.toml`` is accepted; the model that explains must then accept it too, and see the same in it.

    A refusal comes from the model that explains, or from what neither model judges: what canonical JSON cannot hold,
    and what is required.
    """
    source = tomli_w.dumps(values)
    parsed = tomllib.loads(source)
    (folder / "agent.toml").write_text(source, encoding="utf-8", newline="")
    try:
        slow = manifest_explained.Manifest.model_validate(parsed)
    except ValidationError:
        slow = None
    try:
        fast = read_manifest(folder, None, shown="agents/refund")
    except InvalidInput as error:
        check_refusal(error, slow)
        return False
    assert slow is not None
    assert comparable(fast.manifest) == slow.model_dump(by_alias=False, exclude={"schema_"}) | {
        "config": known(slow.config.model_dump())
    }
    return True


def check_refusal(error: InvalidInput, slow: manifest_explained.Manifest | None) -> None:
    beyond = ("cannot be stored", "requires.", "deep")
    assert "report this" not in error.message
    assert slow is None or all(any(word in line for word in beyond) for line in error.message.split("\n"))


def comparable(manifest: Manifest) -> object:
    """The manifest as plain values, with tuples where pydantic's has them."""
    found = msgspec.to_builtins(manifest, builtin_types=())
    assert isinstance(found, dict)
    del found["schema"]
    return tupled(found)


def known(config: dict[str, object]) -> object:
    """The typed keys alone: the fast model does not keep the others."""
    retry = config["retry"]
    if isinstance(retry, dict):
        config = {
            **config,
            "retry": {k: v for k, v in retry.items() if k in manifest_explained.RetrySection.model_fields},
        }
    return {k: v for k, v in config.items() if k in manifest_explained.ConfigSection.model_fields}


def tupled(value: object) -> object:
    if isinstance(value, dict):
        return {key: tupled(inner) for key, inner in value.items()}
    return tuple(map(tupled, value)) if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("path", VALUES)
def test_both_accept_the_same_after_any_one_change(tmp_path: Path, path: str) -> None:
    verdicts = [accepted_by_both(tmp_path, changed(GOOD, path, value)) for value in [*VALUES[path], *JUNK]]
    assert not all(verdicts) or path.endswith(".unknown")
    accepted_by_both(tmp_path, changed(changed(GOOD, path, 1), path, None))


@given(documents())
def test_both_accept_the_same_after_several_changes(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]
) -> None:
    accepted_by_both(tmp_path_factory.mktemp("manifest"), values)


def test_some_changes_are_accepted_and_some_are_not(tmp_path: Path) -> None:
    verdicts = [accepted_by_both(tmp_path, changed(GOOD, path, value)) for path in VALUES for value in VALUES[path]]
    assert 30 < sum(verdicts) < len(verdicts) - 30
    assert accepted_by_both(tmp_path, GOOD)


def test_accepting_imports_nothing_that_explains(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text(tomli_w.dumps(GOOD), encoding="utf-8")
    code = (
        "import sys, pathlib; from repoint.manifest import read_manifest; read_manifest(pathlib.Path(sys.argv[1])); "
        "print(sorted({'pydantic', 'dataclasses', 'difflib', 'repoint.manifestproblems'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("[]\n", "")
