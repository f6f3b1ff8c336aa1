"""What a reader serves of one agent: the snapshot as plain, immutable Python values.

Promise 6 in one respect: everything here was made from bytes whose digests were checked, and nothing of it can be
changed by one caller under the hands of another. A snapshot is in memory once, however many records it stays live for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from repoint.errors import InvalidInput
from repoint_schemas.canonical import Digest, decode
from repoint_schemas.documents import (
    AgentName,
    Entry,
    EnvironmentName,
    FileEntry,
    Integration,
    Model,
    Snapshot,
    Version,
)
from repoint_schemas.manifest import ConfigSection, RetrySection

FEATURE_FLAG_PROVIDER = "repoint"

TELEMETRY: Mapping[str, str] = MappingProxyType(
    {
        "agent": "gen_ai.agent.name",
        "version": "gen_ai.agent.version",
        "model": "gen_ai.request.model",
        "provider": "gen_ai.provider.name",
        "flag": "feature_flag.key",
        "variant": "feature_flag.result.variant",
        "reason": "feature_flag.result.reason",
        "flags": "feature_flag.set.id",
        "generation": "feature_flag.version",
        "flag_provider": "feature_flag.provider.name",
        "digest": "repoint.snapshot",
    }
)
"""The name of each attribute. Source: OpenTelemetry semantic conventions, attribute registry, ``gen_ai`` and
``feature_flag``; the digest has none there.
"""


class File:
    """One file of a snapshot, held once: as text where it is UTF-8, else as bytes."""

    __slots__ = ("_content", "path", "sha256")

    def __init__(self, path: str, sha256: str, content: str | bytes) -> None:
        self.path = path
        self.sha256 = sha256
        self._content = content

    @classmethod
    def of(cls, entry: FileEntry, content: bytes) -> File:
        """A file whose content has been verified."""
        try:
            return cls(entry.path, entry.sha256, content.decode("utf-8"))
        except UnicodeDecodeError:
            return cls(entry.path, entry.sha256, content)

    def at(self, path: str) -> File:
        """The same content under a path."""
        return self if path == self.path else File(path, self.sha256, self._content)

    @property
    def text(self) -> str:
        """The file as text, byte order mark and line endings as they are. Raises: InvalidInput, where it is none."""
        if isinstance(self._content, bytes):
            raise InvalidInput(f"{self.path} is not UTF-8", kind="not-text", hint="read .data instead", path=self.path)
        return self._content

    @property
    def data(self) -> bytes:
        """The file byte for byte."""
        return self._content if isinstance(self._content, bytes) else self._content.encode("utf-8")

    @property
    def is_text(self) -> bool:
        """Whether ``text`` can be read."""
        return isinstance(self._content, str)

    def __repr__(self) -> str:
        return f"File({self.path!r})"


class ActiveIntegration(msgspec.Struct, frozen=True):
    """One tool, server or API. ``secrets`` names environment variables; ``spec`` is None where there is no file."""

    kind: str
    endpoint: str | None
    secrets: tuple[str, ...]
    spec: File | None


class Config(Mapping[str, object]):
    """``[config]``: every key as in a dictionary, whose values cannot be changed, and the known ones by their types.

    A known key that is not set is None.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self._known = msgspec.convert(values, ConfigSection)

    def __getitem__(self, key: str) -> object:
        return _frozen(self._values[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Config({dict(self._values)!r})"

    def to_dict(self) -> dict[str, object]:
        """A dictionary of its own for the caller, to change at will."""
        return {key: _copied(value) for key, value in self._values.items()}

    @property
    def temperature(self) -> float | None:
        """0 to 2."""
        return self._known.temperature

    @property
    def top_p(self) -> float | None:
        """0 to 1."""
        return self._known.top_p

    @property
    def max_tokens(self) -> int | None:
        """Tokens of one answer, at most."""
        return self._known.max_tokens

    @property
    def stop(self) -> tuple[str, ...]:
        """Where the model stops; empty where nothing is set."""
        stop = self._known.stop
        return () if stop is None else (stop,) if isinstance(stop, str) else stop

    @property
    def seed(self) -> int | None:
        """For sampling that can be repeated."""
        return self._known.seed

    @property
    def timeout_seconds(self) -> float | None:
        """How long one call may take."""
        return self._known.timeout_seconds

    @property
    def retry(self) -> RetrySection:
        """``[config.retry]``; its keys are None where they are not set."""
        return self._known.retry or RetrySection()


class Contents:
    """One snapshot with its files; the same object for as long as the version is live.

    ``content`` is the document as it was published: what is decoded from it is in use here, so whoever wants the whole
    gets a copy of his own.
    """

    def __init__(self, digest: Digest, content: bytes, snapshot: Snapshot, files: Mapping[str, File]) -> None:
        self.digest = digest
        self.content = content
        self.model = snapshot.model
        self.files: Mapping[str, File] = MappingProxyType(dict(files))
        self.prompts = MappingProxyType({name: files[entry.path] for name, entry in snapshot.prompts.items()})
        self.integrations = MappingProxyType(
            {name: _integration(each, files) for name, each in snapshot.integrations.items()}
        )
        self.config = Config(snapshot.config)
        self.requires: Mapping[str, str] = MappingProxyType({str(a): text for a, text in snapshot.requires.items()})


class Active:
    """What is live for one agent, in one generation of its environment. Immutable, and safe for threads."""

    __slots__ = ("_contents", "agent", "environment", "generation", "release", "since", "version")

    def __init__(
        self, agent: AgentName, environment: EnvironmentName, generation: int, entry: Entry, contents: Contents
    ) -> None:
        self.agent = agent
        self.environment = environment
        self.generation = generation
        """The record that is served; ``since`` is the one that made this version live."""
        self.since = entry.since
        self.version: Version = entry.version
        self.release: Digest = entry.release
        self._contents = contents

    @property
    def digest(self) -> Digest:
        """The snapshot's SHA-256, as ``sha256:`` and 64 hex digits."""
        return self._contents.digest

    @property
    def snapshot(self) -> Snapshot:
        """The document as it was published; decoded for the caller, who may change what is in it."""
        return decode(self._contents.content, Snapshot, limit=Snapshot.LIMIT)

    @property
    def model(self) -> Model:
        """``provider`` and ``name``."""
        return self._contents.model

    @property
    def prompts(self) -> Mapping[str, File]:
        """The prompts by name: ``prompts["system"].text``."""
        return self._contents.prompts

    @property
    def integrations(self) -> Mapping[str, ActiveIntegration]:
        """The integrations by name."""
        return self._contents.integrations

    @property
    def config(self) -> Config:
        """The configuration: ``config.temperature``, ``config["region"]``, ``config.to_dict()``."""
        return self._contents.config

    @property
    def requires(self) -> Mapping[str, str]:
        """The ranges of other agents' versions that this one works with."""
        return self._contents.requires

    @property
    def files(self) -> Mapping[str, File]:
        """Every file by its path, ``agent.toml`` among them."""
        return self._contents.files

    def to_dict(self) -> dict[str, object]:
        """Everything as plain dictionaries, lists and texts; prompts and specifications that are no text are bytes."""
        return {
            "agent": self.agent,
            "version": self.version,
            "digest": self.digest,
            "environment": self.environment,
            "generation": self.generation,
            "since": self.since,
            "model": {"provider": self.model.provider, "name": self.model.name},
            "prompts": {name: _plain(file) for name, file in self.prompts.items()},
            "integrations": {
                name: {
                    "kind": each.kind,
                    "endpoint": each.endpoint,
                    "secrets": list(each.secrets),
                    "spec": None if each.spec is None else _plain(each.spec),
                }
                for name, each in self.integrations.items()
            },
            "config": self.config.to_dict(),
            "requires": dict(self.requires),
        }

    def attributes(self, names: Mapping[str, str] = TELEMETRY) -> dict[str, str]:
        """What to put on a span: OpenTelemetry's names, or others. ``names`` says which of ``TELEMETRY``, and how.

        Raises: KeyError, for an attribute that there is not.
        """
        values = {
            "agent": self.agent,
            "version": self.version,
            "model": self.model.name,
            "provider": self.model.provider,
            "flag": self.agent,
            "variant": self.version,
            "reason": "static",
            "flags": self.environment,
            "generation": str(self.generation),
            "flag_provider": FEATURE_FLAG_PROVIDER,
            "digest": self.digest,
        }
        return {name: values[key] for key, name in names.items()}

    def __repr__(self) -> str:
        return f"<{self.agent} {self.version}, {self.environment} generation {self.generation}>"


def _integration(integration: Integration, files: Mapping[str, File]) -> ActiveIntegration:
    spec = None if integration.spec is None else files[integration.spec.path]
    return ActiveIntegration(integration.kind, integration.endpoint, tuple(integration.secrets), spec)


def _plain(file: File) -> str | bytes:
    return file.text if file.is_text else file.data


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return MappingProxyType({key: _frozen(each) for key, each in value.items()})
    if isinstance(value, list):
        return tuple(_frozen(each) for each in value)
    return value


def _copied(value: object) -> object:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_copied(each) for each in value]
    return value
