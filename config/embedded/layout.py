"""Where the embedded services keep their data and sockets."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

SYSTEM_HOME = Path("/var/lib/drumbeat")
SYSTEM_USER = "drumbeat"
DATABASE_NAME = "drumbeat"
DATABASE_USER = "drumbeat"

# sockaddr_un.sun_path holds 108 bytes with the closing NUL (unix(7)).
SOCKET_PATH_MAX = 107
_LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders of one pair of embedded services."""

    home: Path
    sockets: Path

    @property
    def postgres_data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.home / "postgres"

    @property
    def postgres_log(self) -> Path:
        """PostgreSQL's log."""
        return self.home / "postgres.log"

    @property
    def valkey_data(self) -> Path:
        """Valkey's data folder (append-only file)."""
        return self.home / "valkey"

    @property
    def valkey_log(self) -> Path:
        """Valkey's log."""
        return self.home / "valkey.log"

    @property
    def valkey_socket(self) -> Path:
        """Valkey's socket file."""
        return self.sockets / "valkey.sock"

    @property
    def valkey_pid(self) -> Path:
        """Valkey's pid file."""
        return self.home / "valkey.pid"

    @property
    def lock(self) -> Path:
        """File locked while a service is being started or stopped."""
        return self.home / "start.lock"


def layout_for(data_dir: Path, *, as_root: bool | None = None) -> Layout:
    """Return the folders that belong to `data_dir`; the same answer in every process of one user.

    PostgreSQL refuses to run as root, so root's data live under /var/lib/drumbeat in a folder named for `data_dir`,
    owned by a system user. An ordinary user keeps everything in `data_dir`, but for the sockets if their path would
    be longer than a socket address can hold.
    """
    data_dir = data_dir.absolute()
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    if as_root if as_root is not None else os.geteuid() == 0:
        home = SYSTEM_HOME / digest
        return Layout(home=home, sockets=home / "run")
    sockets = data_dir / "run"
    if len(os.fsencode(sockets / _LONGEST_SOCKET_NAME)) > SOCKET_PATH_MAX:
        sockets = Path(tempfile.gettempdir()) / f"drumbeat-{os.geteuid()}-{digest}"
    return Layout(home=data_dir, sockets=sockets)


def postgres_url(layout: Layout, *, name: str = DATABASE_NAME) -> str:
    """Return the URL of the embedded PostgreSQL at `layout`, by its socket, whether it runs or not."""
    return f"postgresql://{DATABASE_USER}@/{name}?host={quote(str(layout.sockets))}"


def valkey_url(layout: Layout, *, number: int = 0) -> str:
    """Return the URL of the embedded Valkey at `layout`, by its socket; `number` is the Redis database."""
    return f"unix://{quote(str(layout.valkey_socket))}?db={number}"
