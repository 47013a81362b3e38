"""Connections to Stripe's servers: certificates, proxies, timeouts. No request is made here."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3

TIMEOUT = urllib3.Timeout(connect=10.0, read=80.0)
"""Seconds; reading as patient as Stripe's own SDK."""


def proxy_for(api_base: str) -> str | None:
    """Return the proxy that the environment names for `api_base`, if any (`HTTPS_PROXY` …)."""
    parts = urlsplit(api_base)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


class Pools:
    """Connection pools that all threads of a run share, one per proxy."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._pools: dict[str | None, urllib3.PoolManager] = {}

    def pool_for(self, api_base: str) -> urllib3.PoolManager:
        """Return the pool for calls to `api_base`."""
        proxy = proxy_for(api_base)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._new(proxy)
            return self._pools[proxy]

    def _new(self, proxy: str | None) -> urllib3.PoolManager:
        if proxy is None:
            return urllib3.PoolManager(
                num_pools=32,
                maxsize=self._threads,
                retries=False,
                timeout=TIMEOUT,
                ca_certs=certifi.where(),
            )
        return urllib3.ProxyManager(
            proxy,
            num_pools=32,
            maxsize=self._threads,
            retries=False,
            timeout=TIMEOUT,
            ca_certs=certifi.where(),
        )

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.clear()
