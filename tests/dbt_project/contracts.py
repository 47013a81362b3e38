"""The promise to readers of the marts: no column goes, or changes its type, without a word.

`dbt_project/contracts/marts.json` remembers every column that was ever promised, with each type
that it had, the present one last. It only grows:

    python -m tests.dbt_project.contracts

adds what the models' YAML has by now. What is remembered and no longer promised needs a line in
`docs/CHANGELOG-marts.md` that names it as `mart.column`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import orjson
import yaml

ROOT = Path(__file__).parents[2]
MARTS = ROOT / "dbt_project" / "models" / "marts"
SNAPSHOT = ROOT / "dbt_project" / "contracts" / "marts.json"
CHANGELOG = ROOT / "docs" / "CHANGELOG-marts.md"

#: Types by column by mart.
Promised = dict[str, dict[str, str]]
#: Every type that a column had, by column by mart.
Remembered = dict[str, dict[str, list[str]]]


def promised(folder: Path = MARTS) -> Promised:
    """Read the columns and types of the marts' contracts from their YAML."""
    found: Promised = {}
    for file in sorted(folder.glob("*.yml")):
        for model in yaml.safe_load(file.read_text()).get("models", []):
            found[model["name"]] = {
                column["name"]: column["data_type"] for column in model["columns"]
            }
    return found


def remembered(file: Path = SNAPSHOT) -> Remembered:
    """Read the snapshot."""
    snapshot: Remembered = orjson.loads(file.read_bytes())
    return snapshot


def grown(known: Remembered, now: Promised) -> Remembered:
    """Return the snapshot with what is promised now added to it."""
    result = {mart: {name: list(types) for name, types in known[mart].items()} for mart in known}
    for mart, columns in now.items():
        of_mart = result.setdefault(mart, {})
        for name, data_type in columns.items():
            types = of_mart.setdefault(name, [])
            if not types or types[-1] != data_type:
                types.append(data_type)
    return {mart: dict(sorted(result[mart].items())) for mart in sorted(result)}


def broken(known: Remembered, now: Promised, changelog: str) -> list[str]:
    """Name each remembered promise that is no longer kept and that the changelog is silent about.

    Args:
        known: The snapshot.
        now: What the models promise.
        changelog: The text of the changelog.

    Returns:
        A sentence for each, that says what to do.
    """
    said = set(re.findall(r"`(\w+\.\w+)`", changelog))
    faults = []
    for mart, columns in known.items():
        for name, types in columns.items():
            present = now.get(mart, {}).get(name)
            if f"{mart}.{name}" in said:
                continue
            if present is None:
                faults.append(
                    f"{mart}.{name} is gone: keep it, or say in docs/{CHANGELOG.name} what"
                    " readers do now."
                )
            elif set(types) != {present}:
                faults.append(
                    f"{mart}.{name} is {present} and was {', '.join(types)}: keep the type, or"
                    f" say in docs/{CHANGELOG.name} what readers do now."
                )
    return faults


def main() -> int:
    """Add to the snapshot; the exit code is 1, and nothing is written, if a promise is broken."""
    known = remembered() if SNAPSHOT.exists() else {}
    now = promised()
    faults = broken(known, now, CHANGELOG.read_text())
    print("\n".join(faults))
    if not faults:
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_bytes(
            orjson.dumps(grown(known, now), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )
        print(f"{SNAPSHOT.relative_to(ROOT)} is up to date.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
