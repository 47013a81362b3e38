import copy
import json
import logging
import pickle
import pprint
import traceback
from dataclasses import asdict, dataclass

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


@dataclass
class Holder:
    token: Secret


def test_logging_tracebacks_and_dataclasses_show_nothing(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("hunter2")
    log = logging.getLogger("test")
    log.error("%s %r", secret, {"token": secret, "held": Holder(secret)})
    try:
        raise ValueError(secret, Holder(secret))
    except ValueError as error:
        log.exception("failed with %s", secret)
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown = "".join(told.format())
    assert "Secret(...)" in shown
    everything = "\n".join(
        [shown, caplog.text, pprint.pformat([secret]), repr(asdict(Holder(secret)))]
    )
    assert "hunter2" not in everything
    assert copy.copy(secret) is secret


def test_copies_and_comparison() -> None:
    secret = Secret("hunter2")
    assert copy.deepcopy([secret])[0].reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("hunter3")
    assert secret != "hunter2"
    assert not Secret("")
