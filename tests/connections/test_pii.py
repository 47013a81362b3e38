"""The policy on personal data as a setting, and the key under which they are hashed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.engine import Engine

from connections.errors import SettingsError
from connections.keys import add_fresh_key
from connections.pii_key import pii_key
from connections.pii_policy import DEFAULTS, Mode, PiiPolicy
from connections.rotation import rotate
from connections.settings import Settings
from connections.vault import open_vault


def test_the_default_is_what_is_documented() -> None:
    assert dict(PiiPolicy.parse(None).modes) == dict(DEFAULTS)
    assert dict(PiiPolicy.parse("").modes) == dict(DEFAULTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("drop", dict.fromkeys(DEFAULTS, Mode.DROP)),
        ("names=drop", {**DEFAULTS, "names": Mode.DROP}),
        ("hash, names = keep".replace(" = ", "="), {**dict.fromkeys(DEFAULTS, Mode.HASH),
                                                     "names": Mode.KEEP}),
        ("names=drop,emails=hash", {**DEFAULTS, "names": Mode.DROP, "emails": Mode.HASH}),
    ],
)  # fmt: skip
def test_one_mode_for_all_or_for_some(text: str, expected: dict[str, Mode]) -> None:
    policy = PiiPolicy.parse(text)
    assert dict(policy.modes) == expected
    assert PiiPolicy.parse(str(policy)) == policy


@pytest.mark.parametrize("text", ["shred", "names=shred", "eyes=drop", "names", "=drop", "keep="])
def test_anything_else_is_refused_with_what_there_is(text: str, settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"DASHTRAY_PII.*(keep, hash, drop|names, emails)"):
        Settings.from_environment({"DASHTRAY_HOME": str(settings.home), "DASHTRAY_PII": text})


@pytest.mark.e2e
def test_there_is_one_key_and_rotation_does_not_change_it(
    settings: Settings, engine: Engine
) -> None:
    vault = open_vault(settings, engine)
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: pii_key(engine, vault).reveal(), range(16)))
    assert len(set(keys)) == 1
    assert len(bytes.fromhex(keys[0])) == 32
    add_fresh_key(settings.default_key_file)
    assert rotate(engine, settings)[1] == 1
    assert pii_key(engine, open_vault(settings, engine)).reveal() == keys[0]
