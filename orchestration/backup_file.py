"""The format of a backup: one tar file, its manifest at the end, a checksum for each member.

    warehouse.duckdb        the warehouse; absent if there was none yet
    exchange_rates.csv      the operator's own files of the home, if there are any
    postgres/<table>.copy   rows of our tables, as COPY's text format
    manifest.json           what is in it, and which versions made it

What goes into it is decided in `backup`, what is done with it in `restore`.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from connections.errors import DashtrayError

FORMAT = 1
MANIFEST = "manifest.json"
WAREHOUSE_MEMBER = "warehouse.duckdb"
#: What an operator brought into the home and nothing can read again.
OPERATORS_FILES = ("exchange_rates.csv",)
_CHUNK = 2**20


class BackupUnusable(DashtrayError):
    """The file is no backup, is damaged, or was made by a newer version."""


class _Hashing(io.RawIOBase):
    """Reads from a file and remembers the checksum of what was read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        content = self._source.read(size)
        self.digest.update(content)
        return content


class BackupWriter:
    """Writes a backup's members; `finish` makes it whole.

    Args:
        target: An open, empty file.
    """

    def __init__(self, target: IO[bytes]) -> None:
        self._tar = tarfile.TarFile(fileobj=target, mode="w", format=tarfile.PAX_FORMAT)
        self._files: dict[str, dict[str, Any]] = {}

    def add(self, name: str, source: IO[bytes], size: int) -> None:
        """Write one member.

        Args:
            name: Its name in the file.
            source: Its content.
            size: How many bytes of it.
        """
        member = tarfile.TarInfo(name)
        member.size = size
        member.mode = 0o600
        hashing = _Hashing(source)
        self._tar.addfile(member, hashing)
        self._files[name] = {"size": size, "sha256": hashing.digest.hexdigest()}

    def finish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest, which says that the backup is whole."""
        content = json.dumps({"format": FORMAT, **manifest, "files": self._files}, indent=2)
        member = tarfile.TarInfo(MANIFEST)
        member.size = len(content.encode())
        self._tar.addfile(member, io.BytesIO(content.encode()))
        self._tar.close()


@dataclass(frozen=True)
class Backup:
    """A backup whose manifest was read.

    Attributes:
        path: The file.
        manifest: Its manifest.
    """

    path: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> Backup:
        """Read the manifest.

        Raises:
            BackupUnusable: The file is not a whole backup, or a newer version's.
        """
        try:
            with tarfile.open(path, "r:") as tar:
                content = tar.extractfile(MANIFEST)
                manifest = json.loads(content.read()) if content else {}
        except FileNotFoundError:
            raise BackupUnusable(f"There is no backup {path}.") from None
        except (tarfile.TarError, KeyError, ValueError, OSError, EOFError) as error:
            raise BackupUnusable(
                f"{path} is not a whole backup ({error}). It was cut off or is something else; "
                "use another one."
            ) from None
        if manifest.get("format") != FORMAT:
            raise BackupUnusable(
                f"{path} has the format {manifest.get('format')}, and this version reads {FORMAT}. "
                "Restore it with the version of Dashtray that made it "
                f"({manifest.get('versions', {}).get('dashtray', 'unknown')}) or a newer one."
            )
        return cls(path, manifest)

    def extract(self, folder: Path) -> None:
        """Write all members into an empty folder and compare their checksums.

        Raises:
            BackupUnusable: A member is missing or damaged.
        """
        with tarfile.open(self.path, "r:") as tar:
            for name, expected in self.manifest["files"].items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    source = tar.extractfile(name)
                    if source is None:
                        raise KeyError(name)
                    hashing = _Hashing(source)
                    with target.open("xb") as file:
                        shutil.copyfileobj(hashing, file, _CHUNK)
                except (KeyError, tarfile.TarError, EOFError) as error:
                    raise BackupUnusable(f"{self.path} is damaged: {name}: {error}.") from None
                if hashing.digest.hexdigest() != expected["sha256"]:
                    raise BackupUnusable(
                        f"{self.path} is damaged: {name} does not have the checksum that it had. "
                        "Nothing was changed; use another backup."
                    )
