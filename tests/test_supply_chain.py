"""What is installed is what was locked, and what the security page claims is where it says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def requirements() -> dict[str, str]:
    """Each requirement of the lock with all that belongs to it, by package."""
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return {entry.split("==")[0].split(" @")[0].strip(): entry for entry in entries if entry}


def test_every_requirement_is_one_version_with_hashes() -> None:
    locked = requirements()
    assert len(locked) > 100
    pinned = re.compile(r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^ ;]+( ; [^\\\n]+)? \\\n")
    for name, entry in locked.items():
        assert pinned.match(entry), name
        hashes = re.findall(r"--hash=(\S+)", entry)
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), name


def test_the_lock_names_no_index_and_no_other_source() -> None:
    text = (ROOT / "requirements.lock").read_text()
    for word in ("index-url", "find-links", "trusted-host", "://", "-e ", " @ "):
        assert word not in text, word


def test_nothing_else_is_installed() -> None:
    makefile = (ROOT / "Makefile").read_text()
    installs = re.findall(r"pip install[^\n]*", makefile)
    assert installs
    for line in installs:
        assert "--no-deps" in line
        assert "--require-hashes" in line or "--editable ." in line


PAGES = "".join((ROOT / "docs" / name).read_text() for name in ("security.md", "threat-model.md"))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[a-z_/0-9]+\.py)`", PAGES))))
def test_each_claim_about_security_names_a_test_that_is_there(path: str) -> None:
    assert "def test_" in (ROOT / path).read_text()
