"""``repoint.toml``: two readers that accept the same, refusals that name every problem, folders, and the pin."""

from __future__ import annotations

import os
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

from repoint.config import (
    agent_folder,
    agent_folders,
    authority_text,
    check_pin,
    parse_config,
    read_config,
    write_config,
)
from repoint.errors import Conflict, InvalidInput, NotFound
from repoint.names import RESERVED_ENVIRONMENTS
from repoint_schemas.config import Allowance, Config, GitSection, Limits, RegistrySection, S3Section
from repoint_schemas.config_explained import ConfigFile
from repoint_schemas.documents import AgentName, EnvironmentName, Pin

from tests.unit.altered import changed

ID = "6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a"
EXAMPLE = """\
schema = "repoint.config/1"
[registry]
id = "6f1c2f0e-8a52-4a0e-9d0b-3f6f0c1d2e3a"
agents = ["agents/*"]                 # folders that hold an agent.toml
environments = ["staging", "production"]
default_environment = "production"
authority = "local"                   # local | git | s3
[git]
remote = "origin"                     # authority git, or a replica
[s3]
url = "s3://acme-agents/repoint"
[limits]
file_bytes = 67108864
[[allow]]
rule = "floating-model"
agent = "refund"
reason = "vendor publishes no dated name; reviewed by payments, PAY-311"
"""


def configuration(
    *,
    agents: tuple[str, ...] = ("agents/*",),
    authority: str = "local",
    git: GitSection | None = None,
    s3: S3Section | None = None,
) -> Config:
    registry = {"id": ID, "environments": ["production"], "authority": authority, "agents": list(agents)}
    return Config(registry=msgspec.convert(registry, RegistrySection), git=git, s3=s3)


def test_the_example_of_the_documentation() -> None:
    assert parse_config(EXAMPLE.encode(), "repoint.toml") == Config(
        registry=RegistrySection(
            id=ID,
            environments=("staging", "production"),
            authority="local",
            agents=("agents/*",),
            default_environment="production",
        ),
        git=GitSection(remote="origin"),
        s3=S3Section(url="s3://acme-agents/repoint"),
        limits=Limits(file_bytes=64 * 1024**2, files=2000, snapshot_bytes=512 * 1024**2),
        allow=(
            Allowance(
                rule="floating-model",
                agent="refund",
                reason="vendor publishes no dated name; reviewed by payments, PAY-311",
            ),
        ),
    )


def test_defaults() -> None:
    text = (
        f'schema = "repoint.config/1"\nregistry = {{id = "{ID}", environments = ["production"], authority = "local"}}'
    )
    config = parse_config(text.encode(), "repoint.toml")
    assert config == configuration()
    assert (config.git, config.s3, config.limits, config.allow) == (None, None, Limits(), ())
    assert (config.registry.agents, config.registry.default_environment) == (("agents/*",), "production")


def test_accepting_imports_nothing_that_explains(tmp_path: Path) -> None:
    (tmp_path / "repoint.toml").write_text(EXAMPLE)
    code = (
        "import sys, pathlib; from repoint.config import read_config, agent_folders; "
        "c = read_config(pathlib.Path(sys.argv[1])); agent_folders(pathlib.Path('/nowhere'), c); "
        "print(sorted({'pydantic', 'difflib', 'tomli_w', 'repoint.configproblems'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "repoint.toml")], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")


# -- the two readers accept the same ----------------------------------------------------------------------------------

JUNK: list[object] = ["", "x", "a\nb", "é", 0, -1, 2**53, 2**70, 1.0, True, [], {}, ["x"], [1], {"a": 1}]
GLOBS = "agents/* * a/b/* /a ../a a/../b a//b a/ . ** a\\b C:/a .git/* .GIT x/.repoint [ab]* a/.b"
VALUES: dict[str, list[object]] = {
    "schema": ["repoint.config/2", "repoint.manifest/1"],
    "registry.id": [ID.upper(), ID + "\n", ID.replace("-", "")],
    "registry.environments": [["production"], ["latest", "production"], ["production"] * 2, ["1a"], ["a" * 64]],
    "registry.authority": ["git", "s3", "S3"],
    "registry.agents": [[glob] for glob in GLOBS.split()],
    "registry.default_environment": ["staging", "other"],
    "git.remote": ["up.stream", "-o", "https://x", "a.lock", "ext::sh", "a b", "a..b", "a/b"],
    "s3.url": ["s3://bucket", "s3://b/", "https://x", "s3://bucket/a/../b", "s3://bucket/a b", "s3://b-" + "a" * 996],
    "s3.endpoint_url": ["http://[::1]:9000/x", "https://u:p@x", "file:///", "https://x?y"],
    "s3.region": ["eu-west-1", "EU"],
    "s3.profile": ["my team", " "],
    "s3.path_style": [False, 1],
    "limits.file_bytes": [1, 2**53 - 1],
    "limits.files": [5],
    "limits.snapshot_bytes": [7],
    "allow": [[{"rule": "r", "reason": "w"}], [{"rule": "r", "agent": "../x", "reason": "w"}], [{"rule": "R"}],
              [{"rule": "r", "reason": " "}], [{"rule": "r", "reason": "w" * 1001}],
              [{"rule": "r", "reason": "w", "x": 1}]],
    "git": [], "s3": [], "limits": [], "registry": [], "unknown": [], "registry.unknown": [], "s3.Url": [],
}  # fmt: skip
"""Values for each key, good and bad; any may also become junk, go missing or, where it is unknown, be added."""

GOOD: dict[str, object] = {
    **tomllib.loads(EXAMPLE),
    "s3": {
        "url": "s3://acme-agents/repoint",
        "endpoint_url": "https://s3.acme.example",
        "region": "eu-central-1",
        "profile": "team",
        "path_style": True,
    },
}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """The example with two or three changes."""
    values = GOOD
    for path in draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=2, max_size=3)):
        value = draw(st.sampled_from([*(VALUES[path] or JUNK), None]))
        values = changed(values, path, value)
    return values


def accepted_by_pydantic(values: object) -> bool:
    try:
        ConfigFile.model_validate(values)
    except ValidationError:
        return False
    return True


def accepted_by_both(values: dict[str, object]) -> bool:
    """Whether the readers accept the values; they must agree, and whichever way it goes must be right."""
    source = tomli_w.dumps(values).encode()
    parsed = tomllib.loads(source.decode())
    try:
        config = parse_config(source, "repoint.toml")
    except InvalidInput as error:
        assert not accepted_by_pydantic(parsed)
        check_problems(error, source.decode())
        return False
    assert accepted_by_pydantic(parsed)
    assert parse_config(write_config(config).encode(), "repoint.toml") == config
    return True


@pytest.mark.parametrize("path", VALUES)
def test_both_readers_accept_the_same_after_any_one_change(path: str) -> None:
    present = [accepted_by_both(changed(GOOD, path, value)) for value in [*VALUES[path], *JUNK]]
    assert not all(present)
    accepted_by_both(changed(changed(GOOD, path, 1), path, None))


@given(documents())
def test_both_readers_accept_the_same_after_several_changes(values: dict[str, object]) -> None:
    accepted_by_both(values)


ACCEPTED: dict[str, list[object]] = {
    "registry.agents": [["*"], ["a/b/*"], ["[ab]*/x?"], ["x y"], ["a.b"], ["a" * 1000]],
    "registry.environments": [["production"], ["production", "eu-1", "a" * 63]],
    "registry.default_environment": ["staging"],
    "git.remote": ["origin", "up_stream.x", "0", "a" * 100],
    "s3.url": ["s3://abc", "s3://a-b.c/d/e_f=g/.h", "s3://" + "a" * 63 + "/" + "b" * 900],
    "s3.endpoint_url": ["http://[::1]:9000", "https://s3.acme.example/x/", "http://127.0.0.1:9000"],
    "s3.region": ["us-east-1", "auto", "garage"],
    "s3.profile": ["my team", "é"],
    "limits.files": [1, 2**53 - 1],
}
REFUSED: dict[str, list[object]] = {
    "registry.id": ["", ID.upper(), ID + "\n", f"{{{ID}}}", "urn:uuid:" + ID],
    "registry.agents": [
        ["/a"], ["../a"], ["a/.."], ["a//b"], ["a/"], [""], ["."], ["./a"], ["**"], ["a/**/b"], ["a\\b"], ["C:/a"],
        ["c:a"], [".git"], [".GIT/*"], ["a/.Repoint/b"], ["a\nb"], ["a\x7f"], ["a" * 1001],
    ],
    "registry.environments": [["working", "production"], ["a" * 64, "production"], ["Production", "production"],
                              ["re\u0430l", "production"], ["", "production"]],
    "git.remote": ["", "-o", "--exec=x", "https://x", "git@host:x", "ext::sh -c x", "../x", "a/b", "a.lock", "a.",
                   "a..b", "a b", "a\n", ".a", "a" * 101, "\uff4frigin"],
    "s3.url": ["s3://", "s3://ab", "s3:///x", "s3://A/b", "s3://abc/", "s3://abc//d", "s3://abc/../d", "s3://abc/./d",
               "s3://abc/d?e", "s3://abc/d#e", "s3://u@abc/d", "s3://abc/d\n", "https://abc/d", "s3://a..b/c",
               "s3://abc/" + "d" * 1000],
    "s3.endpoint_url": ["", "s3.acme.example", "ftp://x", "https://", "https://u:p@x", "https://u@x", "https://x?y",
                        "https://x#y", "https://x y", "https://x\n", "file:///etc", "https://x/" + "y" * 1000],
    "s3.region": ["", "EU", "eu_1", "a" * 64, "eu\n", "-a"],
    "s3.profile": ["", " ", "a\nb", "a\x1b", "a" * 1001],
    "limits.files": [0, -1, 2**53, 1.5],
}  # fmt: skip


@pytest.mark.parametrize("path", ACCEPTED)
def test_values_that_are_accepted(path: str) -> None:
    assert [value for value in ACCEPTED[path] if not accepted_by_both(changed(GOOD, path, value))] == []


@pytest.mark.parametrize("path", REFUSED)
def test_values_that_are_refused(path: str) -> None:
    assert [value for value in REFUSED[path] if accepted_by_both(changed(GOOD, path, value))] == []


def test_some_changes_are_accepted_and_some_are_not() -> None:
    verdicts = [accepted_by_both(changed(GOOD, path, value)) for path in VALUES for value in VALUES[path]]
    assert 15 < sum(verdicts) < len(verdicts) - 15


def check_problems(error: InvalidInput, text: str) -> None:
    """A refusal has problems, each on a line of the file, in their order, with a key and words of our own."""
    problems = error.facts["problems"]
    assert isinstance(problems, list)
    assert problems
    lines = [each["line"] for each in problems if isinstance(each, dict)]
    assert lines == sorted(lines, key=lambda line: int(line or 0))
    assert all(1 <= int(line or 0) <= text.count("\n") + 1 for line in lines)
    assert error.message.count("repoint.toml:") == len(problems)
    assert "report this" not in error.message
    assert "Input should" not in error.message
    assert "pydantic" not in error.message


texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).filter(str.strip)
words = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
names = words.filter(lambda name: name not in RESERVED_ENVIRONMENTS)


@st.composite
def configurations(draw: st.DrawFn) -> Config:
    environments = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    registry = {
        "id": ID,
        "environments": environments,
        "authority": draw(st.sampled_from(["local", "git", "s3"])),
        "agents": draw(st.lists(st.sampled_from(["agents/*", "teams/*/[a-c]?", "x y"]), min_size=1, max_size=2)),
        "default_environment": draw(st.sampled_from(environments)),
    }
    section = S3Section(
        url="s3://acme-agents/repoint",
        endpoint_url=draw(st.sampled_from([None, "http://localhost:9000"])),
        region=draw(st.sampled_from([None, "eu-central-1"])),
        profile=draw(st.none() | texts),
        path_style=draw(st.sampled_from([None, True, False])),
    )
    allow = st.builds(Allowance, rule=names, reason=texts, agent=st.none() | names)
    return Config(
        registry=msgspec.convert(registry, RegistrySection),
        git=GitSection(remote=draw(st.sampled_from(["origin", "up_stream.x"]))),
        s3=section,
        limits=draw(st.builds(Limits, file_bytes=st.integers(1, 9), files=st.integers(1, 2**53 - 1))),
        allow=tuple(draw(st.lists(allow, max_size=3))),
    )


@given(configurations())
def test_what_is_written_reads_back_the_same(config: Config) -> None:
    text = write_config(config)
    assert parse_config(text.encode(), "repoint.toml") == config
    assert accepted_by_pydantic(tomllib.loads(text))


def test_what_init_writes() -> None:
    assert write_config(configuration()) == (
        "# The configuration of this registry. Tracked in Git: every clone and every command reads it.\n"
        'schema = "repoint.config/1"\n'
        "\n"
        "[registry]\n"
        "# Never change the id: it is what versions and environments belong to.\n"
        f'id = "{ID}"\n'
        "# Folders that hold an agent.toml, relative to this file.\n"
        'agents = ["agents/*"]\n'
        'environments = ["production"]\n'
        "# What rollback moves unless --env is given.\n"
        'default_environment = "production"\n'
        "# The one store that decides: local | git | s3. It is changed by repoint migrate only.\n"
        'authority = "local"\n'
    )


def test_a_configuration_that_could_not_be_read_back_cannot_be_made() -> None:
    for wrong in ({"id": "x"}, {"environments": ("latest",)}, {"agents": ("../x",)}, {"default_environment": "x"}):
        with pytest.raises(ValueError, match=r"must|reserved|not one of"):
            msgspec.structs.replace(configuration().registry, **wrong)
    with pytest.raises(ValueError, match="url is needed"):
        configuration(authority="s3")
    with pytest.raises(ValueError, match="remote is needed"):
        configuration(authority="git")


# -- refusals ---------------------------------------------------------------------------------------------------------


def refusal(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        parse_config(text.encode(), "repoint.toml")
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("agents =", "agnets =", "4: registry.agnets: unknown key; did you mean agents?"),
        ("agents =", "zzz =", "4: registry.zzz: unknown key; known here: id, environments, authority, agents, "),
        ("[limits]", "[limit]", "12: limit: unknown key; did you mean limits?"),
        ("remote", "url", "8: git.remote: is missing\nrepoint.toml:9: git.url: unknown key; known here: remote"),
        ("[s3]\nurl", "[s3]\nregion", "10: s3.url: is missing\nrepoint.toml:11: s3.region: must be a region"),
        ("6f1c2f0e", "6F1C2F0E", "3: registry.id: must be a UUID in lower case"),
        ('"staging"', '"latest"', "5: registry.environments[0]: is reserved, as are latest, working, registry"),
        ('"staging"', '"Staging"', "5: registry.environments[0]: must be 1 to 63 of a-z"),
        ('"staging"', '"production"', "5: registry.environments: must not name anything twice"),
        ('["staging", "production"]', "[]", "5: registry.environments: must name at least one"),
        ('["staging", "production"]', '"production"', "5: registry.environments: must be an array"),
        ('["agents/*"]', "[]", "4: registry.agents: must name at least one folder"),
        ('["agents/*"]', '["a",\n"../b"]', "5: registry.agents[1]: must not hold an empty folder, . or .. or **"),
        ('["agents/*"]', '["/etc"]', "4: registry.agents[0]: must be relative"),
        ('["agents/*"]', '["x/.git/*"]', "4: registry.agents[0]: must not lead into .git"),
        (
            '= "production"',
            '= "prod"',
            "6: registry.default_environment: 'prod' is not one of the environments (staging, ",
        ),
        ('"local"', '"S3"', "7: registry.authority: must be 'local', 'git' or 's3'"),
        ('"origin"', '"ext::sh -c x"', "9: git.remote: must be the name of a Git remote, as in origin, not an address"),
        ('"origin"', '"--upload-pack=x"', "9: git.remote: must be the name"),
        ("s3://acme-agents/repoint", "s3://acme-agents/", "11: s3.url: must be s3://BUCKET/PREFIX"),
        ("67108864", "0", "13: limits.file_bytes: must be 1 or more"),
        ("67108864", '"64 MiB"', "13: limits.file_bytes: must be a whole number"),
        ("67108864", "1.0", "13: limits.file_bytes: must be a whole number"),
        ("67108864", "true", "13: limits.file_bytes: must be a whole number"),
        ('"refund"', '"Refund"', "16: allow[0].agent: must be 1 to 63 of"),
        ("reason", "# reason", "14: allow[0].reason: is missing"),
        ('reason = "vendor', 'reason = " " # "vendor', "17: allow[0].reason: must not be empty"),
        ("[[allow]]", "[allow]", "14: allow: must be an array"),
        ("[git]\nremote", "git", "8: registry.git: unknown key"),
        ('schema = "repoint.config/1"', "", "1: schema: is missing"),
        ('"repoint.config/1"', "1", "1: schema: must be 'repoint.config/1'"),
        ('"repoint.config/1"', '"repoint.manifest/1"', "1: schema: must be 'repoint.config/1'"),
        ('"repoint.config/1"', '"repoint.config/2"\nfuture = 1', "1: schema: 'repoint.config/2' is newer than repoint"),
        ("[registry]", '["re\\tgistry"]', '1: registry: is missing\nrepoint.toml:2: "re\\tgistry": unknown key'),
    ],
)
def test_refusals_name_line_key_and_what_to_write(old: str, new: str, message: str) -> None:
    assert old in EXAMPLE
    error = refusal(EXAMPLE.replace(old, new, 1))
    assert error.message.startswith(f"repoint.toml:{message}")
    assert error.kind == "invalid-config"


def test_all_problems_are_named_at_once_in_the_order_of_the_file() -> None:
    text = (
        EXAMPLE.replace("staging", "Staging").replace("local", "other").replace('"origin"', "1").replace("rule", "role")
    )
    problems = refusal(text).facts["problems"]
    assert isinstance(problems, list)
    assert [(each["line"], each["key"]) for each in problems if isinstance(each, dict)] == [
        (5, "registry.environments[0]"),
        (7, "registry.authority"),
        (9, "git.remote"),
        (14, "allow[0].rule"),
        (15, "allow[0].role"),
    ]


@pytest.mark.parametrize("authority", ["git", "s3"])
def test_an_authority_needs_its_table(authority: str) -> None:
    text = EXAMPLE.replace('"local"', f'"{authority}"').replace("[git]", "[other]").replace("[s3]", "[another]")
    assert "other: unknown key" in refusal(text).message
    start = text[: text.index("[other]")]
    assert refusal(start).message.startswith(
        f'repoint.toml:7: registry.authority: is "{authority}", so a table [{authority}]'
    )


def test_what_is_no_toml_is_refused_with_line_and_column() -> None:
    error = refusal(EXAMPLE.replace('"origin"', "origin"))
    assert error.message.startswith("repoint.toml:9:10: not valid TOML")
    assert error.kind == "invalid-toml"


def test_newer_formats_say_what_to_do() -> None:
    assert refusal(EXAMPLE.replace("config/1", "config/2")).hint == "upgrade Repoint"


def test_reading_files(tmp_path: Path) -> None:
    path = tmp_path / "repoint.toml"
    with pytest.raises(NotFound) as missing:
        read_config(path, shown="repoint.toml")
    assert missing.value.message == "repoint.toml: there is no such file"
    assert "repoint init" in str(missing.value.hint)
    path.write_text(EXAMPLE)
    assert read_config(path).git == GitSection(remote="origin")
    path.write_text("x")
    with pytest.raises(InvalidInput, match=str(path)):
        read_config(path)
    with pytest.raises(NotFound):
        read_config(path / "repoint.toml")


@pytest.mark.parametrize("kind", ["folder", "fifo", "link to itself"])
def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "repoint.toml"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(path)
    with pytest.raises(InvalidInput) as caught:
        read_config(path)
    assert caught.value.kind == "unreadable-config"


# -- folders ----------------------------------------------------------------------------------------------------------


def make(root: Path, *folders: str) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True)
        (root / folder / "agent.toml").write_text("")


REFUND = AgentName("refund")


def test_folders_are_found_by_name(tmp_path: Path) -> None:
    make(tmp_path, "agents/refund", "agents/router", "teams/pay/agents/intake")
    (tmp_path / "agents/empty").mkdir()
    (tmp_path / "agents/file").write_text("")
    config = configuration(agents=("agents/*", "teams/*/agents/*", "agents/ref*", "nowhere/*"))
    assert agent_folder(tmp_path, config, REFUND) == tmp_path / "agents/refund"
    assert agent_folders(tmp_path, config) == {
        "intake": tmp_path / "teams/pay/agents/intake",
        "refund": tmp_path / "agents/refund",
        "router": tmp_path / "agents/router",
    }
    assert list(agent_folders(tmp_path, config)) == ["intake", "refund", "router"]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (("*",), ["refund"]),
        (("refund",), ["refund"]),
        (("ref?nd",), ["refund"]),
        (("[a-r]*",), ["refund"]),
        (("[!r]*",), []),
        (("REFUND",), []),
        (("refund/x",), []),
        ((".hidden/*",), ["secret"]),
        ((".gi*/*",), []),
        (("*/*",), []),
    ],
)
def test_patterns(tmp_path: Path, patterns: tuple[str, ...], found: list[str]) -> None:
    make(tmp_path, "refund", ".hidden/secret", ".git/hooks")
    config = configuration(agents=patterns)
    assert list(agent_folders(tmp_path, config)) == found
    for name in found:
        assert agent_folder(tmp_path, config, AgentName(name)).name == name
    if "refund" not in found:
        with pytest.raises(NotFound):
            agent_folder(tmp_path, config, REFUND)


def test_links_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    make(outside, "refund", "deep/refund")
    (root / "agents").mkdir(parents=True)
    (root / "agents/refund").symlink_to(outside / "refund")
    (root / "teams").symlink_to(outside)
    config = configuration(agents=("agents/*", "teams/*", "teams/*/*", "*/deep/*"))
    assert agent_folders(root, config) == {}
    with pytest.raises(NotFound) as caught:
        agent_folder(root, config, REFUND)
    assert caught.value.hint == "agents/refund is a symbolic link, and links are not followed"


def test_a_root_that_is_a_link_is_followed(tmp_path: Path) -> None:
    make(tmp_path, "real/agents/refund")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert agent_folder(tmp_path / "link", configuration(), REFUND) == tmp_path / "link/agents/refund"


def test_no_folder_names_agents_that_are_called_alike(tmp_path: Path) -> None:
    make(tmp_path, "agents/refunds", "agents/refund-eu", "agents/router")
    with pytest.raises(NotFound) as caught:
        agent_folder(tmp_path, configuration(), REFUND)
    assert caught.value.message == "there is no agent refund in agents/*"
    assert caught.value.hint == "did you mean refunds, refund-eu?"
    with pytest.raises(NotFound) as caught:
        agent_folder(tmp_path, configuration(), AgentName("zzz"))
    assert caught.value.hint == "repoint new zzz makes one"


def test_several_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "agents/refund", "teams/pay/refund", "agents/router")
    config = configuration(agents=("agents/*", "teams/*/*"))
    for attempt in (lambda: agent_folder(tmp_path, config, REFUND), lambda: agent_folders(tmp_path, config)):
        with pytest.raises(InvalidInput) as caught:
            attempt()
        assert caught.value.kind == "ambiguous-agent"
        assert caught.value.message == "agent refund has several folders: agents/refund, teams/pay/refund"
    assert agent_folder(tmp_path, config, AgentName("router")) == tmp_path / "agents/router"


@pytest.mark.parametrize("name", ["Refund", "re fund", "r\u0435fund", "-x"])
def test_folders_that_cannot_be_agents_are_named(tmp_path: Path, name: str) -> None:
    make(tmp_path, f"agents/{name}", "agents/router")
    with pytest.raises(InvalidInput) as caught:
        agent_folders(tmp_path, configuration())
    assert caught.value.kind == "invalid-agent-name"
    assert caught.value.message.startswith(f"agents/{name}/agent.toml: the folder's name must be 1 to 63 of")
    assert agent_folder(tmp_path, configuration(), AgentName("router")).name == "router"


# -- the pin ----------------------------------------------------------------------------------------------------------

OTHER = "00000000-0000-4000-8000-000000000000"


def pin(registry: str = ID, authority: str = "local") -> Pin:
    return Pin(authority=authority, default_environment=EnvironmentName("production"), registry=registry)


def test_the_right_pin() -> None:
    check_pin(pin(), configuration())
    check_pin(pin(authority="git"), configuration(authority="git", git=GitSection(remote="origin")))


@pytest.mark.parametrize(
    ("pinned", "words"),
    [
        (pin(registry=OTHER), [ID, OTHER]),
        (pin(authority="git"), ["'local'", "'git'"]),
        (pin(registry=OTHER, authority="git"), [ID, OTHER, "'local'", "'git'"]),
    ],
)
def test_another_registry_or_authority_is_a_conflict(pinned: Pin, words: list[str]) -> None:
    with pytest.raises(Conflict) as caught:
        check_pin(pinned, configuration())
    error = caught.value
    assert (error.kind, error.exit_code) == ("registry-mismatch", 6)
    assert all(word in error.message for word in [*words, "nothing was done"])
    assert "--registry ." in str(error.hint)
    assert (error.facts["registry"], error.facts["pinned_registry"]) == (ID, pinned.registry)


@pytest.mark.parametrize(
    ("section", "text"),
    [
        (S3Section(url="s3://bucket/prefix"), "s3://bucket/prefix"),
        (
            S3Section(url="s3://bucket/prefix", endpoint_url="http://localhost:9000"),
            "s3://bucket/prefix?endpoint=http://localhost:9000",
        ),
    ],
)
def test_a_bucket_is_pinned_with_its_endpoint(section: S3Section, text: str) -> None:
    config = configuration(authority="s3", s3=section)
    assert authority_text(config) == text
    check_pin(pin(authority=text), config)
    with pytest.raises(Conflict):
        check_pin(pin(authority="s3://bucket/other"), config)
    assert authority_text(configuration(s3=section)) == "local"
