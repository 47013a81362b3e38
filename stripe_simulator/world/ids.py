"""Ids as Stripe writes them: a type's prefix and letters that carry no order.

What belongs here: making ids. They depend on the seed, the account and a count per prefix alone.
"""

from hashlib import blake2b

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Stripe's newer billing objects carry 24 characters; customers, products and subscriptions' items 14.
_LENGTHS = {"cus": 14, "prod": 14, "si": 14, "acct": 16}


def encode(text: str, length: int) -> str:
    """`length` base-62 characters that depend on `text` alone."""
    number = int.from_bytes(blake2b(text.encode(), digest_size=20).digest(), "big")
    letters = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        letters.append(_ALPHABET[digit])
    return "".join(letters)


class Ids:
    """A source of ids for one account."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._counts: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        """The next id with this prefix, such as ``cus_8sH2…``."""
        count = self._counts.get(prefix, 0) + 1
        self._counts[prefix] = count
        length = _LENGTHS.get(prefix, 24)
        return f"{prefix}_{encode(f'{self._seed}/{prefix}/{count}', length)}"
