"""The HTTP server on a socket: keep-alive, pipelining, and clients that misbehave."""

import socket
from collections.abc import Iterator

import pytest

from stripe_simulator.wire.faults import Fault
from stripe_simulator.wire.http import MAX_BODY_BYTES, MAX_URL_BYTES, loopback_socket
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ACME
from tests.stripe_simulator.wire.live import listening

SERVED = handmade.simulator()
HEAD = f"Host: x\r\nAuthorization: Bearer {SERVED.credentials.account_key(ACME)}\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(SERVED) as url:
        yield int(url.rpartition(":")[2])


def talk(port: int, *parts: bytes, answers: int = 1) -> bytes:
    """Send the parts, then read until so many answers came or the server hung up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part)
        got = b""
        while got.count(b"HTTP/1.1 ") < answers or not whole(got):
            received = connection.recv(1 << 16)
            if not received:
                break
            got += received
        return got


def whole(got: bytes) -> bool:
    """Whether the last answer's body is all there."""
    head, _, body = got.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n\r\n")
    length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
    return bool(length) and len(body) >= int(length)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\n{HEAD}\r\n".encode()


def test_requests_sent_at_once_are_answered_in_order(port: int) -> None:
    got = talk(port, get("/v1/charges/ch_0001") + get("/v1/charges/ch_0002"), answers=2)
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert got.index(b'"id":"ch_0001"') < got.index(b'"id":"ch_0002"')


def test_a_slow_answer_does_not_let_the_next_one_overtake(port: int) -> None:
    stall = Fault("stall", path="/v1/charges/{id}", seconds=0.2)
    SERVED.api.faults.scripted.append(stall)
    got = talk(port, get("/v1/charges/ch_0003") + get("/v1/charges/ch_0004"), answers=2)
    assert got.index(b'"id":"ch_0003"') < got.index(b'"id":"ch_0004"')
    SERVED.api.faults.clear()


def test_a_request_may_come_in_pieces(port: int) -> None:
    request = get("/v1/charges?limit=1")
    got = talk(port, request[:7], request[7:40], request[40:])
    assert got.startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_wants_to_close_is_closed(port: int) -> None:
    request = f"GET /v1/charges HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode()
    got = talk(port, request, answers=2)
    assert b"Connection: close" in got
    assert got.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"GET /" + b"a" * (MAX_URL_BYTES + 1) + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"400"),
        (
            b"POST /v1/oauth/token HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)
            + b"a" * (MAX_BODY_BYTES + 1),
            b"400",
        ),
    ],
)
def test_a_broken_request_ends_the_connection(
    port: int, request_bytes: bytes, status: bytes
) -> None:
    try:
        got = talk(port, request_bytes, answers=2)
    except ConnectionResetError:
        # The server may hang up while the rest of an oversized request is still being sent.
        return
    assert got.startswith(b"HTTP/1.1 " + status)
    assert got.count(b"HTTP/1.1 ") == 1


def test_the_server_goes_on_after_a_broken_request(port: int) -> None:
    talk(port, b"nonsense\r\n\r\n", answers=2)
    assert talk(port, get("/v1/charges")).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "::", "8.8.8.8"])  # noqa: S104
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        loopback_socket(host, 0)
