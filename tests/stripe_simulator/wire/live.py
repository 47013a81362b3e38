"""A simulator on a real socket, inside the test process.

What belongs here: starting and stopping the server in a thread, for tests that need HTTP.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from stripe_simulator.server import Simulator
from stripe_simulator.wire.http import loopback_socket, serve


@contextmanager
def listening(simulator: Simulator) -> Iterator[str]:
    """Serve until the block ends; gives the base URL."""
    listener = loopback_socket("127.0.0.1", 0)
    port = listener.getsockname()[1]
    started: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()

    async def run() -> None:
        stop = asyncio.Event()
        started.append((asyncio.get_running_loop(), stop))
        ready.set()
        await serve(simulator.handle, listener, stop)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait(10)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop, stop = started[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
