"""How many list pages a second the simulator serves, from one process to a client in another.

A benchmark of the pipeline is only worth something while the simulator is not what it measures.

    python -m benchmarks.simulator_pages [--preset demo] [--seconds 5] [--connections 4]

Each list is first read once, parsed, to learn its cursors; then its pages are read over and over
without parsing. Prints pages, objects and megabytes a second of each; exit code 1 when charges stay
below the aim of 1,000 full pages of 100 objects a second.
"""

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
import psutil

AIM = 1000
NOW = "2026-11-01T00:00:00Z"
LISTS = {
    "charges": "/v1/charges?limit=100",
    "invoices": "/v1/invoices?limit=100",
    "invoices, expanded": "/v1/invoices?limit=100&expand[]=data.payments&expand[]=data.discounts",
    "subscriptions": "/v1/subscriptions?limit=100&status=all",
    "customers": "/v1/customers?limit=100",
    "events": "/v1/events?limit=100",
}


class Connection:
    """One keep-alive connection that reads answers whole."""

    def __init__(self, host: str, port: int, key: str) -> None:
        self._host = host
        self._port = port
        self._tail = f" HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {key}\r\n\r\n"

    async def open(self) -> "Connection":
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, limit=8_000_000
        )
        return self

    async def get(self, target: str) -> bytes:
        """The body of one good answer."""
        self._writer.write(f"GET {target}{self._tail}".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"{target}: {head.splitlines()[0].decode()}")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        return await self._reader.readexactly(length)

    def close(self) -> None:
        """Disconnect."""
        self._writer.close()


async def targets_of(connection: Connection, path: str, most: int) -> tuple[list[str], float]:
    """The addresses of a list's pages, and how long the first reading of one took on average."""
    targets = []
    cursor = ""
    began = time.perf_counter()
    while len(targets) < most:
        page = orjson.loads(await connection.get(path + cursor))
        if len(page["data"]) == 100 or not targets:
            targets.append(path + cursor)
        if not page["has_more"]:
            break
        cursor = f"&starting_after={page['data'][-1]['id']}"
    return targets, (time.perf_counter() - began) / len(targets)


async def rate(
    make: tuple[str, int, str], targets: list[str], seconds: float, connections: int
) -> tuple[float, float]:
    """Pages and bytes a second over several connections at once."""
    pages = 0
    received = 0
    until = time.perf_counter() + seconds

    async def read(offset: int) -> None:
        nonlocal pages, received
        connection = await Connection(*make).open()
        turn = itertools.cycle(targets[offset:] + targets[:offset])
        while time.perf_counter() < until:
            received += len(await connection.get(next(turn)))
            pages += 1
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(read(n * len(targets) // connections) for n in range(connections)))
    took = time.perf_counter() - began
    return pages / took, received / took


async def measure(ready: dict[str, object], options: argparse.Namespace) -> float:
    """Print the table; the page rate of charges."""
    host, _, port = str(ready["url"]).removeprefix("http://").partition(":")
    accounts = ready["accounts"]
    assert isinstance(accounts, list)
    make = (host, int(port), accounts[0]["api_key"])
    charges = 0.0
    print(f"{'list':<20}{'pages':>7}{'first ms':>10}{'pages/s':>10}{'objects/s':>12}{'MB/s':>8}")
    for name, path in LISTS.items():
        connection = await Connection(*make).open()
        targets, first = await targets_of(connection, path, most=200)
        connection.close()
        pages, size = await rate(make, targets, options.seconds, options.connections)
        charges = charges or pages
        print(
            f"{name:<20}{len(targets):>7}{first * 1000:>10.1f}{pages:>10.0f}"
            f"{pages * 100:>12.0f}{size / 1e6:>8.0f}"
        )
    return charges


def main() -> int:
    """Start a simulator, measure it, stop it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each list")
    parser.add_argument("--connections", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ready_file = Path(folder) / "ready.json"
        began = time.perf_counter()
        command = [sys.executable, "-m", "stripe_simulator", "--preset", options.preset]
        command += ["--now", NOW, "--ready-file", str(ready_file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            try:
                while not ready_file.exists():
                    if server.poll() is not None:
                        raise SystemExit("the simulator did not start")
                    time.sleep(0.1)
                print(f"preset {options.preset}: ready after {time.perf_counter() - began:.1f} s")
                ready = json.loads(ready_file.read_text())
                charges = asyncio.run(measure(ready, options))
                resident = psutil.Process(server.pid).memory_info().rss
                print(f"server's resident memory: {resident / 1e6:.0f} MB")
            finally:
                server.terminate()
    print(f"charges: {charges:.0f} pages/s, aim {AIM}")
    return 0 if charges >= AIM else 1


if __name__ == "__main__":
    raise SystemExit(main())
