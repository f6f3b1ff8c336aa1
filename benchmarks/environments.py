"""The virtual environments of a measurement: the installed wheel, and the tools that it is compared and drawn with."""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("registry", "cli", "schemas")

_PIP = ("-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check", "--no-input")
_PINS = ("-c", str(ROOT / "constraints.txt"))


def installed(cache: Path) -> Path:
    """The folder of programs of a virtual environment that holds a wheel of this checkout, bytecode compiled.

    With the SDK for buckets, which is imported by no command that does without one.
    """
    venv = cache / f"venv-{_fingerprint((ROOT / 'pyproject.toml').read_bytes(), b's3')}"
    python = str(venv / "bin/python")
    wheel = _wheel(cache)
    if not (venv / "ready").exists():
        _remove(cache, "venv-*")
        _run(sys.executable, "-m", "venv", str(venv))
        _run(python, *_PIP, "install", *_PINS, f"{wheel}[s3]")
        (venv / "ready").touch()
    _run(python, *_PIP, "install", "--no-deps", "--force-reinstall", wheel)
    compileall.compile_dir(venv / "lib", quiet=2)
    return venv / "bin"


def tools(cache: Path) -> Path | None:
    """The folder of programs of an environment with GTO, awscli and matplotlib, None where it cannot be made.

    One of their own: what ``make test`` runs in stays free of them.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted: list[str] = tomllib.load(file)["project"]["optional-dependencies"]["bench"]
    venv = cache / f"tools-{_fingerprint(repr(wanted).encode(), (ROOT / 'constraints.txt').read_bytes())}"
    if not (venv / "ready").exists():
        _remove(cache, "tools-*")
        try:
            _run(sys.executable, "-m", "venv", str(venv))
            _run(str(venv / "bin/python"), *_PIP, "install", *_PINS, *wanted)
        except subprocess.CalledProcessError:
            print("GTO, awscli and matplotlib cannot be installed: no comparison and no plot", file=sys.stderr)
            return None
        compileall.compile_dir(venv / "lib", quiet=2)
        (venv / "ready").touch()
    return venv / "bin"


def sources_digest() -> str:
    """A digest of the library and of what builds the registries, so that nothing old is measured."""
    hashed = hashlib.sha256((ROOT / "benchmarks/make_registry.py").read_bytes())
    for path in sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py")):
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:12]


def plain_environment(home: Path) -> dict[str, str]:
    """What measured processes see: nobody's configuration of Git, no terminal, bytecode not written but read."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    who = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@acme.example"}
    who |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in who.items()}
    return {**kept, **who, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "TERM": "dumb"}


def _wheel(cache: Path) -> str:
    target = cache / "wheel"
    shutil.rmtree(target, ignore_errors=True)
    _run(sys.executable, *_PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(target), str(ROOT))
    return str(next(target.glob("*.whl")))


def _remove(cache: Path, old: str) -> None:
    for folder in cache.glob(old):
        shutil.rmtree(folder)


def _fingerprint(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join([*contents, sys.version.encode()])).hexdigest()[:12]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
