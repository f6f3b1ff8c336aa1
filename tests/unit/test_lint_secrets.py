"""Secrets: every shape in every place, what people write instead of one, and the library behind its gates.

Keys are put together from pieces, so that scanners of this repository's own text find none.
"""

from __future__ import annotations

import base64
import importlib
import json
import random
import re
import string
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoint.filescan import scan
from repoint.secretscan import GATES, rare_secrets_in
from repoint.secretshapes import LONGEST, SHAPES

from tests.unit.scanning import BASE32, HEX, LETTERS, found_in, made, rules


def token(claims: dict[str, object], *, alg: str = "HS256", signature: str = "") -> str:
    """A JSON Web Token with these claims."""

    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()

    return ".".join((part({"alg": alg, "typ": "JWT"}), part(claims), signature or made(43, LETTERS + "_-")))


def uuid_like(seed: int = 3) -> str:
    return "-".join(made(size, HEX, seed) for size in (8, 4, 4, 4, 12))


SECRETS = {
    "an OpenAI API key": [
        "sk-" + made(48),
        "sk-proj-" + made(74) + "_-" + made(80),
        "sk-svcacct-" + made(60),
        "sk-" + "or-v1-" + made(64, HEX),
        "sk-" + made(32, HEX),
    ],
    "an Anthropic API key": ["sk-" + "ant-api03-" + made(93) + "AA", "sk-" + "ant-admin01-" + made(80)],
    "a Langfuse secret key": ["sk-" + "lf-" + uuid_like()],
    "an xAI API key": ["xa" + "i-" + made(80)],
    "a Groq API key": ["gs" + "k_" + made(52)],
    "a Perplexity API key": ["pp" + "lx-" + made(48)],
    "a Replicate API token": ["r8" + "_" + made(37)],
    "an NVIDIA API key": ["nv" + "api-" + made(64)],
    "a Hugging Face token": ["hf_" + made(34, string.ascii_letters), "api_" + "org_" + made(34)],
    "a LangSmith API key": ["lsv" + "2_pt_" + made(32, HEX) + "_" + made(10, HEX)],
    "a Pinecone API key": ["pc" + "sk_" + made(68)],
    "a Tavily API key": ["tv" + "ly-dev-" + made(32)],
    "a GitHub token": [
        *("gh" + kind + "_" + made(36) for kind in "pousr"),
        "github_" + "pat_" + made(22) + "_" + made(59),
    ],
    "a Google API key": ["AI" + "za" + made(35)],
    "a Google OAuth client secret": ["GOC" + "SPX-" + made(28)],
    "a Google OAuth access token": ["ya" + "29." + made(120, LETTERS + "_-")],
    "an AWS access key ID": [
        "AK" + "IA" + made(16, BASE32),
        "AS" + "IA" + made(16, BASE32),
        "AK" + "IA" + "QZXVBNMKJHGFDSWR",
    ],
    "an AWS secret access key": [
        'aws_secret_access_key = "' + made(40, LETTERS + "/+") + '"',
        '"SecretAccessKey": "' + made(40, LETTERS + "/+") + '"',
        "AWS_SECRET_ACCESS_KEY=" + made(40, LETTERS),
        'aws_key: "' + made(40, LETTERS) + '"',
    ],
    "an Amazon Bedrock API key": ["AB" + "SK" + made(128, LETTERS + "+/") + "=="],
    "an Azure AI services key": [made(52) + "JQ" + "QJ99" + made(26)],
    "an Azure client secret": ["a1b" + "8" + "Q" + "~" + made(34)],
    "an Azure SAS signature": ["?sv=2024-11-04&sig=" + made(43) + "%3D"],
    "a DigitalOcean token": ["dop_" + "v1_" + made(64, HEX)],
    "a Slack token": ["xo" + "xb-" + "2837465019-8374650192837-" + made(24), "xo" + "xp-" + made(40)],
    "a Slack webhook": ["https://hooks.slack" + ".com/services/T0A1B2C3D/B4E5F6G7H/" + made(24)],
    "a Stripe live key": ["sk_" + "live_" + made(24), "rk_" + "live_" + made(99)],
    "a Stripe webhook secret": ["whs" + "ec_" + made(32)],
    "a Shopify token": ["shp" + "at_" + made(32, HEX)],
    "an npm token": ["np" + "m_" + made(36), "//registry.acme.example/:_authToken=" + uuid_like()],
    "a Vault token": ["hv" + "s." + made(24)],
    "a Linear API key": ["lin_" + "api_" + made(40)],
    "a Notion token": ["nt" + "n_" + made(46)],
    "a private key": [
        "-----BEGIN " + "RSA PRIVATE KEY-----\n" + made(64) + "\n" + made(64) + "\n",
        "-----BEGIN " + "OPENSSH PRIVATE KEY-----\r\n" + made(70),
        '{"type": "service_account", "private_key": "-----BEGIN ' + "PRIVATE KEY-----\\n" + made(64) + '\\n"}',
        "-----BEGIN " + "EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n" + made(64),
        "Private-" + "Lines: 14\n" + made(64),
    ],
    "a JSON Web Token": [
        token({"sub": "agent-7", "exp": 1763683200}),
        token({"iss": "https://auth.acme.example/", "aud": ["a"] * 200}, alg="RS256", signature=made(342)),
    ],
    "a URL with a password": [
        "postgres" + "://app:S3cr3tP4ss!@db.internal:5432/refunds",
        "postgresql+asyncpg" + "://svc:" + made(20) + "@10.0.0.7/x",
        "mongodb+srv" + "://agent:kT9-wq2Zx@cluster0.ab1cd.mongodb.net/?retryWrites=true",
        "redis" + "://:" + made(24) + "@cache:6379/0",
        "https" + "://ci:" + made(16) + "@git.acme.example/team/repo.git",
        "mysql:" + "\\/\\/root2:kT9wq2Zx@db\\/x",
    ],
    "an Authorization header with a token": [
        "Authorization: Bearer " + made(40),
        '"Authorization": "Bearer ' + made(48, HEX) + '"',
        "Authorization: Basic " + base64.b64encode(b"refund-agent:kT9wq2ZxLm4").decode(),
        "curl -H 'authorization: token " + made(40, HEX) + "'",
    ],
}
NO_SECRETS = [
    # what people write where a key would stand
    "sk-" + "your-api-key-here",
    "sk-" + "x" * 48,
    "sk-" + "xxxx" + "1234abcd" * 5,
    "sk-" + "1234567890abcdef1234567890abcdef",
    "sk-proj-" + "<your-project-key>",
    "sk-" + "ant-api03-" + "your_key_goes_here_please_replace",
    "sk-" + "ant-api03-" + "X" * 90,
    "api_key: ${env:OPENAI_API_KEY}",
    "Authorization: Bearer $ANTHROPIC_API_KEY",
    "Authorization: Bearer {{api_key}}",
    "Authorization: Bearer <YOUR_KEY>",
    "Authorization: Bearer YOUR_ACCESS_TOKEN_GOES_HERE",
    "Authorization: Basic " + base64.b64encode(b"username:password").decode(),
    "OPENAI_API_KEY=sk-...",
    "OPENAI_API_KEY=$(vault read -field=key secret/openai)",
    "AK" + "IAIOSFODNN7EXAMPLE",
    "AK" + "IA" + "X" * 16,
    "aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "ghp_" + "0" * 36,
    "ghp_" + "x" * 36,
    "AI" + "zaSyD-your-key-here-xxxxxxxxxxxxxxxxxx",
    "sk_" + "live_your_key_goes_here",
    "hf_" + "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "https://hooks.slack" + ".com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "postgres" + "://user:password@localhost:5432/db",
    "postgres" + "://postgres:postgres@localhost/app",
    "postgres" + "://user:pass@host/db",
    "postgres" + "://app:${DB_PASSWORD}@db/app",
    "postgres" + "://app:{{ db_password }}@db/app",
    "postgres" + "://app:<password>@db/app",
    "postgres" + "://app:****@db/app",
    "mysql" + "://root:root@127.0.0.1",
    "mongodb" + "://<username>:<password>@cluster0.example.net",
    "amqp" + "://guest:guest@localhost//",
    'client_secret = "${CLIENT_SECRET}"',
    'client_secret: "<client-secret>"',
    '"password": "must be at least 12 characters"',
    "password: ************",
    '"api_key": "YOUR_API_KEY_1234"',
    'api_key = os.environ["REFUND_API_KEY"]',
    # the example of every page about JSON Web Tokens
    (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIy"
        "fQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
    ),
    "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
    '{"access_token": "2YotnFZFEjr1zCsicMWpAA", "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA"}',
    "Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW",
    "https" + "://abc:xyz@example.com",
    "https://example.com/callback#access_token=sdlfkj452&state=ss345asyht&token_type=Bearer",
    "private_key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)",
    # words about secrets
    "never repeat a token that begins with ghp_ or github_pat_ to the customer",
    "Refuse to print anything after -----BEGIN " + "PRIVATE KEY-----, whatever is asked.",
    "Never ask for a password: the customer signs in on the website.",
    "If the token: is missing, answer 401. The secret: patience.",
    "secret_access_key: see the vault",
    "The primary key: customer_id_and_order_number_2024",
    "a task-oriented risk-assessment-for-something-long-and-hyphenated2",
    "class=sk-fading-circle-with-many-parts",
    # what looks like chance and is none, or opens nothing
    "-----BEGIN " + "CERTIFICATE-----\n" + made(64),
    "-----BEGIN " + "PUBLIC KEY-----\n" + made(64),
    "desk-" + made(48),
    "sk_" + "test_" + made(24),
    "hf_hub_download(repo_id='acme/model', filename='config.json')",
    "xoxb-token-goes-in-the-environment-variable",
    "AI" + "za",
    "sha256:" + made(64, HEX),
    '"password_sha256": "sha256:' + made(64, HEX) + '"',
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "trace " + uuid_like(),
    '"api_key_id": "' + uuid_like() + '"',
    '"token": "' + made(8) + '"',
    "data:image/png;base64," + made(400, LETTERS + "+/") + "==",
    "image: docker://ghcr.io/acme/refund:1.2.3@sha256:" + made(64, HEX),
    "docker://alpine:3.19@sha256:" + made(64, HEX),
    "git clone ssh://git@github.com:22/acme/agents.git",
    "see http://localhost:8080/docs?mail=a@b.example",
    "https://acme.example:8443@",
    "write to mailto:refunds@acme.example or https://t.example/a:b, c@d",
    '{"max_tokens": 1024, "token_limit": 8192, "monkey": "typewriter-7-with-a-long-name"}',
    '"account_sid": "AC' + made(32, HEX) + '"',
    "APFELSTRUDEL und APARTMENTS2 im APEXControllerHandbuch",
]

AROUND = [
    "{}",
    'key = "{}"\n',
    "  - token: {}\n",
    "({}),",
    '{"text": "use this:\\n{}"}',
    "Gr\u00fc\u00dfe \u041f\u0440\u0438\u0432\u0435\u0442 {}\n",
]


CASES = [(name, text) for name, texts in SECRETS.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), CASES)
@pytest.mark.parametrize("around", AROUND)
def test_secrets_are_found_and_never_shown(name: str, text: str, around: str) -> None:
    found = scan("f", [b"\n\n", around.replace("{}", text).encode()])
    found = [each for each in found if each.rule != "mixed-line-endings"]
    assert [(each.rule, each.severity, each.line) for each in found] == [("secret", "error", 3)]
    assert name in found[0].message
    assert text[-12:] not in str(found)


@pytest.mark.parametrize("around", ["https://x/?k=%3D{}&z", "k\\u003d{}", "k=%22{}%22"])
def test_secrets_are_found_behind_escapes(around: str) -> None:
    for name in ("a GitHub token", "a Google API key", "an Anthropic API key", "an AWS access key ID"):
        assert rules(around.replace("{}", SECRETS[name][0])) == ["secret"], name


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret(text: str) -> None:
    assert rules(text) == []


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_is_no_secret_in_json(text: str) -> None:
    assert rules(json.dumps({"messages": [{"role": "user", "content": text}]})) == []


OPENAPI = """\
openapi: 3.1.0
info: {title: Payments, version: 2.4.0}
servers: [{url: "https://payments.acme.example/v1"}]
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer, bearerFormat: JWT}
    key: {type: apiKey, in: header, name: X-Api-Key}
  schemas:
    Token:
      type: object
      properties:
        access_token: {type: string, example: 2YotnFZFEjr1zCsicMWpAA}
        refresh_token: {type: string, example: <refresh-token>}
        password: {type: string, format: password, minLength: 12, example: "correct horse battery staple"}
        api_key: {type: string, example: sk_test_4eC39HqLyjWDarjtT1zdp7dc}
        id: {type: string, format: uuid, example: 7c9e6679-7425-40de-944b-e07fc1f90ae7}
        digest: {type: string, example: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
        etag: {type: string, example: '"33a64df551425fcc55e4d42a148795d9f25f89d4"'}
        next_page_token: {type: string, example: eyJvZmZzZXQiOjEwMH0}
        session_token: {type: string, example: YOUR_SESSION_TOKEN}
"""
FEW_SHOTS = "".join(
    json.dumps({"messages": [{"role": "user", "content": f"Order B-{n} never came, my code is {n * 7919}"}]}) + "\n"
    for n in range(1000, 1200)
)


def test_specs_and_examples_with_tokens_of_the_books_are_all_right() -> None:
    assert rules(OPENAPI) == []
    assert rules(FEW_SHOTS) == []
    assert rules(f"{OPENAPI}# session_token: {made(40)}") == ["possible-secret"]
    assert rules(FEW_SHOTS.replace(f"my code is {1100 * 7919}", "my key is " + SECRETS["a Stripe live key"][0])) == [
        "secret"
    ]


def test_every_shape_has_a_case_that_fires() -> None:
    assert {shape.name for shape in SHAPES} == set(SECRETS)


def test_secrets_are_found_in_other_encodings() -> None:
    key = SECRETS["a GitHub token"][0]
    assert "secret" in rules(f"Gr\u00fc\u00dfe {key}\n".encode("windows-1252"))
    assert "secret" in rules(f"k={key}\n".encode("utf-16"))
    assert "secret" in rules(f"k={key}\n".encode("utf-16-le"))
    assert "secret" in rules(b"\0\1\2 " + key.encode() + b" \0")


def test_random_keys_are_found_however_they_fall() -> None:
    for seed in range(300):
        assert rules("k: AK" + "IA" + made(16, BASE32, seed)) == ["secret"], seed
        assert rules("k: ghp" + "_" + made(36, LETTERS, seed)) == ["secret"], seed
        assert rules("k: sk-" + "ant-api03-" + made(93, LETTERS + "_-", seed) + "AA") == ["secret"], seed


@pytest.mark.parametrize("seed", range(20))
def test_base64_and_digests_are_no_secrets(seed: int) -> None:
    chance = random.Random(seed)
    content = base64.b64encode(chance.randbytes(60_000)) + b"\n" + base64.urlsafe_b64encode(chance.randbytes(60_000))
    digests = "\n".join(made(size, HEX, seed * 1000 + n) for n in range(100) for size in (32, 40, 64))
    assert rules(content) == []
    assert rules(digests) == []


# ------------------------------------------------------------------------------------------- values under names

LIKELY = [
    '"client_secret": "' + made(32, LETTERS) + '"',
    "api_key = '" + made(24, LETTERS) + "'",
    "REFUND_API_KEY=" + made(40, HEX),
    "auth_token: " + made(32, LETTERS),
    'signing_key => "' + made(44, LETTERS + "+/") + '"',
    "password: " + made(20, LETTERS + "!#%"),
]


@pytest.mark.parametrize("text", LIKELY)
def test_a_random_value_under_the_name_of_a_secret_is_warned_of(text: str) -> None:
    (found,) = found_in(f"one\ntwo {text}\n")
    assert (found.rule, found.severity, found.line) == ("possible-secret", "warning", 2)
    assert text[-8:-1] not in str(found)


@pytest.mark.parametrize(
    "text",
    [
        '"next_page_token": "' + made(24) + '"',
        '"idempotency_key": "' + uuid_like() + '"',
        "partition_key: customer/2024/" + made(6),
        'api_key: "{{ secrets.refund_api_key }}"',
        "api_key: ${{ secrets.REFUND_API_KEY }}",
        "client_secret: https://vault.acme.example/v1/secret/9a8b7c6d5e4f",
        "password: correct-horse-battery-staple-42",
        "access_token: see-the-handbook-chapter-12-page-7",
        'public_key: "' + made(40) + '"',
        '"secret": false, "secrets": ["PAYMENTS_API_KEY"]',
    ],
)
def test_other_values_are_not(text: str) -> None:
    assert rules(text) == []


def test_a_known_secret_under_such_a_name_is_one_finding() -> None:
    assert rules("api_key = sk-" + "ant-api03-" + made(95)) == ["secret"]


# -------------------------------------------------------------------------------------- the detect-secrets library

RARE = {
    "an Artifactory credential": ["AKC" + made(60), '"AP' + "3" + made(24) + '"'],
    "an Azure storage account key": ["AccountKey=" + made(86, LETTERS + "+/") + "=="],
    "a Discord bot token": ["M" + made(25) + "." + made(6) + "." + made(27)],
    "a GitLab token": ["gl" + "pat-" + made(20), "GR134" + "8941" + made(20), "gl" + "agent-" + made(60)],
    "a Mailchimp key": [made(32, HEX) + "-us" + "19"],
    "a PyPI token": ["pypi-" + "AgEIcHlwaS5vcmc" + made(90)],
    "a SendGrid API key": ["S" + "G." + made(22) + "." + made(43)],
    "a Slack token": ["xox" + "b-1" + made(11, "123456789") + "-" + made(24)],
    "a Slack webhook": ["https://hooks.slack" + ".com/services/T0A1B2C3D/B4E5F6G7H/" + made(24)],
    "a Square OAuth secret": ["sq0" + "csp-" + made(43)],
    "a Stripe live key": ["sk_" + "live_" + made(24)],
    "a Telegram bot token": ["6718" + "29340:" + made(35)],
    "a Twilio API key": ["S" + "K" + made(32, HEX)],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in RARE.items() for text in texts])
def test_rarer_secrets_are_found_by_the_library(name: str, text: str) -> None:
    content = f"one\ntwo {text}\nthree".encode()
    assert {(each.name, content.count(b"\n", 0, each.start)) for each in rare_secrets_in(content)} == {(name, 1)}
    (found,) = found_in(content)
    assert (found.rule, found.severity, found.line) == ("secret", "error", 2)
    assert text[-10:] not in str(found)


def test_every_gate_has_a_case_that_fires() -> None:
    assert {gate.name for gate in GATES} == set(RARE)


def plugin_expressions() -> Iterator[tuple[str, str, re.Pattern[str]]]:
    for module, plugin in dict.fromkeys((gate.module, gate.plugin) for gate in GATES):
        detector = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), plugin)
        for expression in detector.denylist:
            yield module, plugin, expression


NOT_GATED = r"AC[a-z0-9]{32}"
"""Twilio's account SID is a name, not a secret."""


@pytest.mark.parametrize(
    ("module", "plugin", "expression"), [each for each in plugin_expressions() if each[2].pattern != NOT_GATED]
)
@given(data=st.data())
def test_a_gate_lets_through_whatever_its_plugin_could_match(
    module: str, plugin: str, expression: re.Pattern[str], data: st.DataObject
) -> None:
    example = data.draw(st.from_regex(expression, alphabet=st.characters(max_codepoint=255)))
    content = example.encode("latin-1")
    folded = content.lower()
    gates = [gate for gate in GATES if (gate.module, gate.plugin) == (module, plugin)]
    assert any(re.search(gate.pattern, folded if gate.fold else content) for gate in gates), example


@pytest.mark.parametrize(
    "text",
    [
        "6718" + "29340:" + made(64, HEX),
        made(40, HEX) + "-us" + "19",
        "S" + "K" + made(40, HEX),
        "x" + "S" + "K" + made(32, HEX),
        "sq0" + "csp-" + made(60),
        "AC" + made(32, HEX),
    ],
)
def test_a_part_of_something_longer_is_none(text: str) -> None:
    assert list(rare_secrets_in(text.encode())) == []


def test_a_placeholder_hides_no_secret_behind_it() -> None:
    real = RARE["a GitLab token"][0]
    assert rules("gl" + "pat-" + "x" * 20 + " and " + real) == ["secret"]
    assert rules("gl" + "pat-" + "x" * 20) == []


def test_the_library_is_not_imported_for_ordinary_text() -> None:
    program = (
        "import sys\nfrom repoint.lint import lint_text\n"
        "assert not lint_text('m', 'Ask for the order number first; the API token is in the vault. See INC-77.')\n"
        "lint_text('m', 'Ask first. ' * 9000)\n"
        "assert not [m for m in sys.modules if m.startswith(('detect_secrets', 'requests', 'hyperscan'))]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --------------------------------------------------------------------------------------------- edges of chunks


@pytest.mark.parametrize("text", NO_SECRETS)
def test_what_stands_before_a_key_counts_at_the_edge_of_a_chunk(text: str) -> None:
    for before in range(960, 1030, 7):
        content = (" " * before + text + " " * 9000).encode()
        assert scan("f", [content[at : at + 1024] for at in range(0, len(content), 1024)]) == []


CHUNK = 1000
EDGES = (4 * CHUNK, 6 * CHUNK - LONGEST)
"""Where a chunk ends, and where a search stops for the time being, in a file that is read in chunks of this size."""


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("text", [texts[-1] for texts in [*SECRETS.values(), *RARE.values()]])
def test_no_secret_is_lost_at_the_edge_of_a_chunk(text: str, edge: int) -> None:
    for before in range(edge - len(text) - 3, edge + 8, max(1, min(len(text) // 5, 17))):
        content = (("x" * 60 + "\n") * 80)[:before].encode() + b" " + text.encode() + b"\n" + b"y \n" * 3000
        whole = scan("f", [content])
        assert [each.rule for each in whole] == ["secret"]
        assert scan("f", [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]) == whole
