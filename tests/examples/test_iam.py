"""The policies in examples/iam: each request of Repoint's is allowed to the role that sends it, and to no other."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from repoint import s3keys

from tests.examples.iampolicies import (
    BLOB,
    BUCKET_POLICY,
    CREATE,
    ENVIRONMENT,
    FOLDER,
    LASTING,
    LEDGER,
    PREFIXES,
    PROBE,
    RELEASE,
    REPORT,
    ROLES,
    SNAPSHOT,
    SWAP,
    Document,
    Request,
    allowed,
    listing,
    part,
    policy,
    put,
)

NOBODY: frozenset[str] = frozenset()
ALL = frozenset(ROLES)
READER = frozenset({"reader"})
PUBLISHER = frozenset({"publisher"})
MOVER = frozenset({"mover"})


@pytest.mark.parametrize("name", [*ROLES, BUCKET_POLICY])
def test_a_policy_is_whole_and_small_enough(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    document = json.loads(text)
    assert set(document) == {"Version", "Statement"}
    assert document["Version"] == "2012-10-17"
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)
    assert len(re.sub(r"\s", "", text)) <= 2048, "IAM quota of the inline policies of one user"


@pytest.mark.parametrize("name", ROLES)
def test_a_role_gets_what_is_named_and_nothing_by_a_wildcard(name: str) -> None:
    for statement in policy(name)["Statement"]:
        assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert statement["Effect"] == "Allow"
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        assert all(re.fullmatch("s3:[A-Za-z]+", action) for action in actions), statement["Sid"]


def test_the_bucket_policy_only_denies_and_denies_everybody() -> None:
    for statement in policy(BUCKET_POLICY)["Statement"]:
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")


def test_no_placeholder_is_left_when_both_are_filled_in() -> None:
    for name in (*ROLES, BUCKET_POLICY):
        for prefix in PREFIXES:
            filled = json.dumps(policy(name, "b", prefix))
            assert "PREFIX" not in filled
            assert "BUCKET" not in filled
            assert "//" not in filled


def test_the_table_below_knows_every_place_of_the_layout() -> None:
    places = {v for k, v in vars(s3keys).items() if k.isupper() and not k.startswith("_") and isinstance(v, str)}
    assert {next(p for p in places if key.startswith(p)) for key in (*LASTING, PROBE, REPORT)} == places


LISTED = ("releases/", "environments/", "ledger/production/", "readers/production/")
SENT = [
    # reading; a key that is missing asks for s3:ListBucket with the key as prefix, or the answer is 403 instead of 404
    *((Request("s3:GetObject", key), ALL) for key in (*LASTING, PROBE, REPORT)),
    *((listing(f"{{prefix}}{place}"), ALL) for place in LISTED),
    (listing(f"{{prefix}}{LEDGER}"), ALL),
    # publishing
    *((put(key, CREATE), PUBLISHER) for key in (BLOB, SNAPSHOT, RELEASE)),
    (part(BLOB), PUBLISHER),
    (Request("s3:ListMultipartUploadParts", BLOB), PUBLISHER),
    (Request("s3:AbortMultipartUpload", BLOB), PUBLISHER),
    (Request("s3:ListBucketMultipartUploads"), PUBLISHER),
    # moving
    (put(ENVIRONMENT, SWAP), MOVER),
    (put(ENVIRONMENT, CREATE), MOVER),
    (put(LEDGER, CREATE), MOVER),
    # reporting
    (put(REPORT), READER),
    (Request("s3:DeleteObject", REPORT), READER),
    # probing
    *((put(PROBE, condition), PUBLISHER | MOVER) for condition in (None, CREATE, SWAP)),
    (Request("s3:DeleteObject", PROBE), PUBLISHER | MOVER),
]
NEVER_SENT = [
    *((put(key), NOBODY) for key in LASTING),
    *((put(key, SWAP), NOBODY) for key in LASTING if key != ENVIRONMENT),
    *((part(key), NOBODY) for key in LASTING if key != BLOB),
    (Request("s3:DeleteObjectVersion", REPORT), NOBODY),
    *((Request(f"s3:{action}", key), NOBODY) for action in ("DeleteObject", "DeleteObjectVersion") for key in LASTING),
    *((Request(f"s3:{action}", BLOB), NOBODY) for action in ("PutObjectAcl", "PutObjectTagging", "PutObjectRetention")),
    *((Request(f"s3:{action}"), NOBODY) for action in ("PutBucketPolicy", "DeleteBucket", "PutLifecycleConfiguration")),
]


def shown(value: object) -> str:
    return f"{value.action[3:]} {value.key or ''} {dict(value.context)}" if isinstance(value, Request) else ""


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("request_", "roles"), [*SENT, *NEVER_SENT], ids=shown)
def test_a_request_is_allowed_to_exactly_the_roles_that_send_it(
    request_: Request, roles: frozenset[str], prefix: str
) -> None:
    context = {k: v.replace("{prefix}", f"{prefix}/" if prefix else "") for k, v in request_.context.items()}
    seen = replace(request_, context=context)
    bucket = policy(BUCKET_POLICY, prefix=prefix)
    assert roles == {r for r in ROLES if allowed(seen, [policy(r, prefix=prefix)], prefix)}
    assert roles == {r for r in ROLES if allowed(seen, [policy(r, prefix=prefix), bucket], prefix)}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_nothing_outside_its_prefix(role: str) -> None:
    documents = [policy(role)]
    assert not allowed(listing(None), documents)
    assert not allowed(listing("agents/"), documents)
    assert not allowed(listing("agents/repoint-other/"), documents)
    for prefix in ("agents/repoint-other", "agents", "other"):
        for asked, _ in SENT:
            if asked.key is not None:
                assert not allowed(asked, documents, prefix), (prefix, asked)
    for asked, _ in SENT:
        assert not allowed(asked, documents, bucket="acme-2"), asked


# -- the bucket policy, for somebody who may do everything -------------------------------------------------------------

ANYTHING: Document = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


@pytest.mark.parametrize("key", LASTING)
def test_not_even_an_administrator_overwrites_or_deletes_what_lasts(key: str) -> None:
    documents = [ANYTHING, policy(BUCKET_POLICY)]
    assert allowed(put(key, CREATE), documents)
    assert not allowed(put(key), documents)
    assert allowed(put(key, SWAP), documents) == (key == ENVIRONMENT)
    assert allowed(part(key), documents) == (key == BLOB)
    assert not allowed(Request("s3:DeleteObject", key), documents)
    assert not allowed(Request("s3:DeleteObjectVersion", key), documents)


def test_probes_stay_possible() -> None:
    documents = [ANYTHING, policy(BUCKET_POLICY)]
    assert allowed(put(PROBE), documents)
    assert allowed(Request("s3:DeleteObject", PROBE), documents)


def test_reports_stay_possible() -> None:
    documents = [ANYTHING, policy(BUCKET_POLICY)]
    assert allowed(put(REPORT), documents)
    assert allowed(Request("s3:DeleteObject", REPORT), documents)


def test_what_lies_beside_the_registry_is_not_touched() -> None:
    documents = [ANYTHING, policy(BUCKET_POLICY)]
    assert allowed(put("blobs/x"), documents, "agents/other")
    assert allowed(Request("s3:DeleteObject", "ledger/x"), documents, "agents/repoint-2")


@pytest.mark.parametrize(("asked", "roles"), SENT, ids=shown)
def test_nothing_goes_over_an_unencrypted_connection(asked: Request, roles: frozenset[str]) -> None:
    plain = replace(asked, context={**asked.context, "aws:SecureTransport": "false"})
    assert not allowed(plain, [ANYTHING, policy(BUCKET_POLICY)])
