"""The account that embedded servers run under."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from config.embedded.exceptions import EmbeddedServiceError
from config.embedded.layout import SYSTEM_HOME, SYSTEM_USER


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs a server: nobody in particular (the current user) or a system user that root steps down to."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        """Give `path` to this account; its parents stay as they are."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def run(self, command: list[str | Path], *, cwd: Path, seconds: float = 120) -> str:
        """Run `command` as this account and return its output.  Raises EmbeddedServiceError with what it printed."""
        try:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=clean_environment(),
                user=self.uid,
                group=self.gid,
                extra_groups=None if self.uid is None else [],
                umask=0o077,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=seconds,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EmbeddedServiceError(f"{Path(command[0]).name} could not be run: {error}") from error
        if done.returncode:
            raise EmbeddedServiceError(f"{Path(command[0]).name} failed: {done.stdout.strip()[-2000:]}")
        return done.stdout


def clean_environment() -> dict[str, str]:
    """Return an environment without the caller's PG* variables and locale, which would change what servers do."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


@cache
def server_account() -> Account:
    """Return the current user, or for root the system user `drumbeat`, which is made if it is missing.

    Raises EmbeddedServiceError if the machine has no command that adds a system user.
    """
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = _add_system_user()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _add_system_user() -> pwd.struct_passwd:
    if program := shutil.which("useradd"):
        arguments = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        command = [program, *arguments, "--home-dir", str(SYSTEM_HOME), SYSTEM_USER]
    elif program := shutil.which("adduser"):  # BusyBox
        command = [program, "-S", "-D", "-H", "-h", str(SYSTEM_HOME), SYSTEM_USER]
    else:
        raise EmbeddedServiceError(
            f"PostgreSQL refuses to run as root and no system user could be made: add one named {SYSTEM_USER}"
        )
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    try:
        return pwd.getpwnam(SYSTEM_USER)  # another starter may have made it first
    except KeyError:
        raise EmbeddedServiceError(f"The system user {SYSTEM_USER} could not be made by {program}") from None
