import copy
import json
import pickle

import pytest

from connections.secret import Secret


def test_nothing_shows_the_value() -> None:
    secret = Secret("hunter2")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>40}",
        f"{secret:>40}",
        "%s" % secret,  # noqa: UP031
    ]
    assert not any("hunter2" in text for text in shown)
    assert not hasattr(secret, "__dict__")
    assert secret.reveal() == "hunter2"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_raises(protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(Secret("hunter2"), protocol)


def test_json_and_hash_raise() -> None:
    with pytest.raises(TypeError):
        json.dumps({"key": Secret("hunter2")})
    with pytest.raises(TypeError):
        hash(Secret("hunter2"))


def test_copies_and_comparison() -> None:
    secret = Secret("hunter2")
    assert copy.deepcopy([secret])[0].reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("hunter3")
    assert secret != "hunter2"
    assert not Secret("")
