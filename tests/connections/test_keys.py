"""Keys from a command: each way in which it can go wrong is one line that shows nothing."""

import base64
import os
from dataclasses import replace

import pytest

from connections.errors import SettingsError
from connections.keys import VaultKeyError, configured_keys
from connections.settings import Settings

KEY = base64.b64encode(b"a key that is only in this test.").decode()


def test_a_command_prints_the_ring(settings: Settings) -> None:
    other = base64.b64encode(os.urandom(32)).decode()
    ring = configured_keys(replace(settings, encryption_key_command=f"printf '{KEY}\\n{other}\\n'"))
    assert ring is not None
    assert [key.secret.reveal() for key in ring] == [KEY, other]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("false", "exit code 1"),
        (f"sh -c 'echo {KEY}; echo {KEY} >&2; exit 3'", "exit code 3"),
        ("true", "printed nothing"),
        ("/nowhere/to/be/found", "cannot be run"),
        ("'unbalanced", "cannot be run"),
        (f"echo {KEY}{KEY}", "does not hold the base64"),
        ("printf '\\377\\376'", "does not hold the base64"),
    ],
    ids=["fails", "fails-aloud", "silent", "missing", "unbalanced", "no-key", "no-text"],
)
def test_a_command_that_fails_is_said_without_what_it_printed(
    settings: Settings, command: str, said: str
) -> None:
    with pytest.raises(VaultKeyError, match=said) as error:
        configured_keys(replace(settings, encryption_key_command=command))
    assert "DASHTRAY_ENCRYPTION_KEY_COMMAND" in str(error.value)
    assert KEY not in str(error.value)
    assert not settings.keys_dir.exists()


def test_there_is_no_shell(settings: Settings) -> None:
    made = settings.home / "made"
    with pytest.raises(VaultKeyError):
        configured_keys(replace(settings, encryption_key_command=f"true; touch {made}"))
    assert not made.exists()


def test_only_one_source_may_be_set(settings: Settings) -> None:
    for first, second in (("", "_FILE"), ("", "_COMMAND"), ("_FILE", "_COMMAND")):
        with pytest.raises(SettingsError, match="both set"):
            Settings.from_environment(
                {
                    "DASHTRAY_HOME": str(settings.home),
                    f"DASHTRAY_ENCRYPTION_KEY{first}": "a",
                    f"DASHTRAY_ENCRYPTION_KEY{second}": "b",
                }
            )
