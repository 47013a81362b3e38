"""Ids as Stripe writes them: a type's prefix and letters that carry no order.

What belongs here: making ids. They depend on the seed, the account and a count per prefix alone.
"""

from base64 import b64encode
from hashlib import blake2b

# Newer billing objects carry 24 characters, these older ones fewer.
_LENGTHS = {"cus": 14, "prod": 14, "si": 14, "acct": 16}
_DIGEST_BYTES = 18


def encode(text: str, length: int) -> str:
    """`length` (at most 24) letters and digits that depend on `text` alone."""
    digest = blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
    return b64encode(digest, altchars=b"sS").decode()[:length]


class Ids:
    """A source of ids for one account."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._counts: dict[str, int] = {}

    def skip(self, prefix: str, times: int) -> int:
        """Use up `times` ids without making them; the count of the last one used before."""
        count = self._counts.get(prefix, 0)
        self._counts[prefix] = count + times
        return count

    def new(self, prefix: str) -> str:
        """The next id with this prefix, such as ``cus_8sH2…``."""
        return self.numbered(prefix, self.skip(prefix, 1) + 1)

    def numbered(self, prefix: str, count: int) -> str:
        """The id of number `count` with this prefix."""
        return f"{prefix}_{encode(f'{self._seed}/{prefix}/{count}', _LENGTHS.get(prefix, 24))}"
