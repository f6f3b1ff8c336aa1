"""The policies in examples/iam with their placeholders filled in, and what AWS makes of them.

An answer is worked out as the IAM User Guide says ("Policy evaluation logic", "Condition operators"): a deny wins, and
without an allow the answer is no. One key of each place of the layout stands for all.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from repoint import s3keys
from repoint_schemas.canonical import Digest
from repoint_schemas.documents import AgentName, EnvironmentName, Version

from tests.conftest import ROOT

FOLDER = ROOT / "examples" / "iam"
ROLES = ("reader", "publisher", "mover")
BUCKET_POLICY = "bucket-policy"
PREFIXES = ("agents/repoint", "")
Document = Mapping[str, Any]

PRODUCTION = EnvironmentName("production")
BLOB = s3keys.blob_key("0" * 64)
SNAPSHOT = s3keys.snapshot_key(Digest("sha256:" + "1" * 64))
RELEASE = s3keys.release_key(AgentName("refund"), Version("1.2.0"))
ENVIRONMENT = s3keys.environment_key(PRODUCTION)
LEDGER = s3keys.ledger_key(PRODUCTION, 42)
REPORT = s3keys.reader_key(PRODUCTION, "2" * 32)
PROBE = f"{s3keys.PROBES}0b9c2a34/swap"
LASTING = (BLOB, SNAPSHOT, RELEASE, ENVIRONMENT, LEDGER)
CREATE = {"s3:if-none-match": "*"}
SWAP = {"s3:if-match": '"e"'}


def policy(name: str, bucket: str = "acme", prefix: str = PREFIXES[0]) -> Document:
    """A policy with its placeholders filled in as the README says."""
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    filled = text.replace("PREFIX/", f"{prefix}/" if prefix else "").replace("BUCKET", bucket)
    return cast("Document", json.loads(filled))


@dataclass(frozen=True)
class Request:
    """What IAM sees of a request: the action, the key (None: the bucket itself), the condition keys."""

    action: str
    key: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)


def put(key: str, condition: Mapping[str, str] | None = None) -> Request:
    """PutObject, and CompleteMultipartUpload, which is the same action."""
    return Request("s3:PutObject", key, {"s3:ObjectCreationOperation": "true", **(condition or {})})


def part(key: str) -> Request:
    """CreateMultipartUpload and UploadPart: the same action once more, but nothing is created by them."""
    return Request("s3:PutObject", key, {"s3:ObjectCreationOperation": "false"})


def listing(prefix: str | None) -> Request:
    return Request("s3:ListBucket", None, {} if prefix is None else {"s3:prefix": prefix})


def matches(patterns: str | list[str], text: str) -> bool:
    return any(fnmatch.fnmatchcase(text, each) for each in ([patterns] if isinstance(patterns, str) else patterns))


def condition_holds(operator: str, key: str, expected: str | list[str], context: Mapping[str, str]) -> bool:
    match operator:
        case "Null":
            return (key not in context) == (expected == "true")
        case "Bool":
            return key in context and context[key] == expected
        case "StringLike":
            return key in context and matches(expected, context[key])
        case _:
            raise ValueError(operator)


def applies(statement: Document, bucket: str, prefix: str, request: Request) -> bool:
    path = "" if request.key is None else "/" + (f"{prefix}/{request.key}" if prefix else request.key)
    context = {"aws:SecureTransport": "true", **request.context}
    return (
        matches(statement["Action"], request.action)
        and matches(statement["Resource"], f"arn:aws:s3:::{bucket}{path}")
        and all(
            condition_holds(operator, key, expected, context)
            for operator, block in statement.get("Condition", {}).items()
            for key, expected in block.items()
        )
    )


def allowed(request: Request, documents: list[Document], prefix: str = PREFIXES[0], bucket: str = "acme") -> bool:
    """A deny wins; without an allow the answer is no."""
    effects = {s["Effect"] for d in documents for s in d["Statement"] if applies(s, bucket, prefix, request)}
    return effects == {"Allow"}
