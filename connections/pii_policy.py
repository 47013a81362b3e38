"""The policy on personal data: which classes are kept, hashed or dropped before they are stored.

Which fields belong to a class is in `dlt_sources.stripe.pii`, which carries the policy out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from connections.errors import SettingsError

VARIABLE = "DASHTRAY_PII"


class Mode(StrEnum):
    """What becomes of a class, from the least strict to the strictest."""

    KEEP = "keep"
    HASH = "hash"
    DROP = "drop"


DEFAULTS: Mapping[str, Mode] = MappingProxyType(
    {
        "names": Mode.KEEP,
        "emails": Mode.KEEP,
        "phones": Mode.DROP,
        "addresses": Mode.HASH,
        "identifiers": Mode.HASH,
        "descriptions": Mode.KEEP,
        "metadata": Mode.KEEP,
        "links": Mode.DROP,
    }
)
"""The classes, and what becomes of each where nothing is set (docs/decisions/0027)."""


@dataclass(frozen=True, slots=True)
class PiiPolicy:
    """A mode for every class.

    Attributes:
        modes: by class, in the order of `DEFAULTS`.
    """

    modes: Mapping[str, Mode]

    @classmethod
    def parse(cls, text: str | None) -> "PiiPolicy":
        """Read `DASHTRAY_PII`: one mode for all, or `class=mode` for some, or both.

        Args:
            text: such as `hash`, `names=drop,emails=hash` or `drop,names=keep`; None = defaults.

        Raises:
            SettingsError: an unknown class or mode.
        """
        modes = dict(DEFAULTS)
        for part in filter(None, (part.strip() for part in (text or "").split(","))):
            name, equals, mode = part.rpartition("=")
            if equals and name not in modes:
                raise SettingsError(
                    f"{VARIABLE} names the unknown class {name!r}. Classes: {', '.join(modes)}."
                )
            try:
                modes.update(dict.fromkeys([name] if equals else modes, Mode(mode)))
            except ValueError:
                raise SettingsError(
                    f"{VARIABLE} has the unknown mode {mode!r}. Modes: {', '.join(Mode)}."
                ) from None
        return cls(MappingProxyType(modes))

    def __str__(self) -> str:
        """All of it, as `parse` reads it."""
        return ",".join(f"{name}={mode}" for name, mode in self.modes.items())
