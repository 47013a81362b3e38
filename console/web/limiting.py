"""How often one client may try what can be guessed: one table, kept in this process's memory.

The console is one process, so nothing outside it needs to count.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

#: What is limited, per client. Webhooks count only when their signature is bad.
LIMITS: dict[str, RateLimitItem] = {
    "login": RateLimitItemPerMinute(10),
    "callback": RateLimitItemPerMinute(30),
    "webhook": RateLimitItemPerMinute(60),
}


class Limiter:
    """Counts attempts."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def allows(self, what: str, client: str) -> bool:
        """Count an attempt; False when there were too many within the last minute.

        Args:
            what: A name of `LIMITS`.
            client: The client's address.
        """
        return self._limiter.hit(LIMITS[what], what, _network_of(client))


def _network_of(client: str) -> str:
    """One household of IPv6 has as many addresses as it likes: its network counts as one."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return client
