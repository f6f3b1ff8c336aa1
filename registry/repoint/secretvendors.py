"""Shapes of the keys that agents hold less often: webhooks, observability, search, hosting, databases.

Part of promise 9, and the second half of ``secretshapes``: every value here holds a run of sixteen characters without a
blank, so that a short text (a message, a ticket) never loads this module. Sources: each vendor's page on its keys,
GitHub's "Supported secret scanning patterns", the rules of gitleaks 8. Last reviewed in 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator

from repoint.secretshapes import Match, Places, Shape, secrets_in, token_shape, unknown
from repoint.secretvalues import is_password, is_strong

VENDOR_SHAPES = (
    # -- models, search and the hosts of agents
    token_shape("an Amazon Bedrock API key", b"bedrock-api-key-", rb"[A-Za-z0-9+/_-]{60,4000}={0,2}"),
    token_shape("a Google API key", b"AQ.Ab", rb"[A-Za-z0-9_-]{40,80}"),
    token_shape("a Google OAuth refresh token", b"1//0", rb"[A-Za-z0-9_-]{40,200}"),
    token_shape("a Cerebras API key", b"csk-", rb"[a-z0-9]{48}"),
    token_shape("a Together API key", b"tgp_v1_", rb"[A-Za-z0-9_-]{43}"),
    token_shape("a Fireworks API key", b"fw_", rb"[A-Za-z0-9]{24}", is_strong),
    token_shape("a Jina API key", b"jina_", rb"[A-Za-z0-9_-]{50,70}"),
    token_shape("a LlamaCloud API key", b"llx-", rb"[A-Za-z0-9_-]{44,60}"),
    token_shape("a Voyage API key", b"pa-", rb"[A-Za-z0-9_-]{43}", is_strong),
    token_shape("an E2B API key", b"e2b_", rb"[a-f0-9]{40}"),
    token_shape("a Firecrawl API key", b"fc-", rb"[a-f0-9]{32}"),
    token_shape("an ElevenLabs API key", b"sk_", rb"[a-f0-9]{48}"),
    token_shape("a Helicone API key", b"sk-helicone-", rb"[a-z0-9]{7}(?:-[a-z0-9]{7}){3}"),
    token_shape("a Databricks token", b"dapi", rb"[a-f0-9]{32}(?:-[0-9])?"),
    token_shape("a Supabase key", b"sbp_", rb"[a-f0-9]{40}"),
    token_shape("a Supabase key", b"sb_secret_", rb"[A-Za-z0-9_-]{22}_[A-Za-z0-9_-]{8}"),
    # -- work, messages, mail
    Shape(
        "a Discord webhook",
        (b"/api/webhooks/",),
        rb"(?:(?<=discord\.com)|(?<=discordapp\.com))/api/webhooks/[0-9]{17,20}/([A-Za-z0-9_-]{60,80})",
    ),
    token_shape("a Discord bot token", b"MT", rb"[A-Za-z0-9]{22,26}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}"),
    token_shape("an Atlassian API token", b"ATATT3", rb"[A-Za-z0-9_=-]{100,250}"),
    token_shape("an Airtable token", b"pat", rb"[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    token_shape("a Figma token", b"figd_", rb"[A-Za-z0-9_-]{38,48}"),
    token_shape("a Mailgun key", b"key-", rb"[a-f0-9]{32}"),
    token_shape("a Resend API key", b"re_", rb"[A-Za-z0-9]{8}_[A-Za-z0-9]{22,26}", is_strong),
    token_shape("a Postman API key", b"PMAK-", rb"[a-f0-9]{24}-[a-f0-9]{34}"),
    # -- hosting and observation
    token_shape("a Docker Hub token", b"dckr_", rb"[po]at_[A-Za-z0-9_-]{27,32}"),
    token_shape("a Heroku API key", b"HRKU-", rb"[A-Za-z0-9_-]{36,64}"),
    token_shape("a Doppler token", b"dp.", rb"(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    token_shape("a Pulumi token", b"pul-", rb"[a-f0-9]{40}"),
    token_shape("a PlanetScale token", b"pscale_", rb"(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}"),
    Shape(
        "a Terraform Cloud token",
        (b".atlasv1.",),
        rb"(?<=[A-Za-z0-9]{14})\.atlasv1\.([A-Za-z0-9_=-]{60,70})",
    ),
    token_shape("a Fly.io token", b"fm2_", rb"[A-Za-z0-9+/_=,-]{100,1000}"),
    token_shape("a Vercel token", b"vercel_blob_rw_", rb"[A-Za-z0-9]{16}_[A-Za-z0-9]{30,36}"),
    token_shape("a New Relic key", b"NRAK-", rb"[A-Z0-9]{27}"),
    token_shape("a Sentry token", b"sntrys_", rb"eyJ[A-Za-z0-9+/=_-]{60,400}"),
    token_shape("a Sentry token", b"sntryu_", rb"[a-f0-9]{64}"),
    token_shape("a Grafana token", b"glsa_", rb"[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    token_shape("a Grafana token", b"glc_", rb"eyJ[A-Za-z0-9+/=]{60,400}"),
    token_shape("a PostHog key", b"phx_", rb"[A-Za-z0-9_-]{43,60}"),
    token_shape("a RubyGems key", b"rubygems_", rb"[a-f0-9]{48}"),
    token_shape("a 1Password service account token", b"ops_", rb"eyJ[A-Za-z0-9+/=_-]{200,1500}"),
    token_shape("an age private key", b"AGE-SECRET-KEY-1", rb"[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    # -- what is said beside the value
    Shape(
        "an AWS session token",
        (b"oken", b"OKEN"),
        rb"(?:(?<=(?i:session_t))|(?<=(?i:sessiont)))(?i:oken)\\?[\"']?[ \t]{0,8}[=:][ \t]{0,8}\\?[\"']?"
        rb"([A-Za-z0-9/+_-]{100,2000})",
    ),
    Shape(
        "a password on the command line of curl",
        (b"curl ",),
        rb"curl (?:(?!curl )[^\r\n|;]){0,200}?(?:-u|--user)[ =]\\?[\"']?([A-Za-z0-9_.@+-]{1,60}:[^\s\"'\\<>]{6,100})",
        is_password,
    ),
)


def vendor_secrets_in(content: bytes, places: Places = unknown) -> Iterator[Match]:
    """Every secret in the bytes of the shapes above. Linear."""
    return secrets_in(content, VENDOR_SHAPES, places)
