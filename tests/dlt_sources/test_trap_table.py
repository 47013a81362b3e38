"""Every trap of docs/stripe.md has a test that fails when its defence is taken away."""

import ast
from pathlib import Path

import pytest

from tests.dlt_sources.mutating import FAILED, ROOT, trap_results
from tests.dlt_sources.traps import TRAPS


def test_each_defence_is_where_the_table_says_and_each_test_exists() -> None:
    names: dict[str, set[str]] = {}
    for trap in TRAPS:
        assert (ROOT / trap.file).read_text().count(trap.old) == 1, trap.says
        file, _, name = trap.test.partition("::")
        if file not in names:
            tree = ast.parse((ROOT / file).read_text())
            names[file] = {
                each.name if above is tree else f"{above.name}::{each.name}"
                for above in (tree, *(each for each in tree.body if isinstance(each, ast.ClassDef)))
                for each in above.body
                if isinstance(each, ast.FunctionDef)
            }
        assert name in names[file], trap.says


def test_what_the_table_quotes_is_written_there() -> None:
    text = " ".join(Path(ROOT / "docs" / "stripe.md").read_text().split())
    quoted = [trap.says.split(": ")[0].split(", of ")[0] for trap in TRAPS]
    assert [each for each in quoted if each not in text] == []


@pytest.mark.long
def test_each_named_test_fails_without_its_defence(capsys: pytest.CaptureFixture[str]) -> None:
    codes = trap_results()
    assert len(codes) == len(TRAPS)
    survived = [
        f"{trap.says} ({trap.test}: pytest ended with {code})"
        for trap, code in zip(TRAPS, codes, strict=True)
        if code != FAILED
    ]
    with capsys.disabled():
        print(f"\n{len(TRAPS)} traps, {len(TRAPS) - len(survived)} caught by their tests")
    assert survived == []
