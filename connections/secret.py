"""A wrapper for values that must not be printed, logged, pickled or compared in the open."""

import hmac
from typing import NoReturn


class Secret:
    """Holds one secret string; only `reveal()` shows it.

    `repr`, `str`, `format` and f-strings give `Secret(...)`; pickling raises, so that a secret
    never crosses a process border by accident.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`."""
        self.__value = value

    def reveal(self) -> str:
        """The value itself. Call it inside the call that needs it, and keep no copy."""
        return self.__value

    def __repr__(self) -> str:
        """Never the value."""
        return "Secret(...)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Never the value, whatever the format."""
        return repr(self)

    def __bool__(self) -> bool:
        """Whether the secret is not empty."""
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time; only another `Secret` can be equal."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.reveal().encode())

    # A hash would let the value be probed through dictionaries.
    __hash__ = None  # type: ignore[assignment]

    def __copy__(self) -> "Secret":
        """The same object: a secret is immutable."""
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        """The same object: a secret is immutable."""
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("A Secret cannot be pickled: pass the account's id and read it there.")
