"""Making the embedded services' folders and locking them."""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.embedded.accounts import Account
from config.embedded.exceptions import EmbeddedServiceError
from config.embedded.layout import SYSTEM_HOME, Layout


@contextmanager
def locked(layout: Layout, account: Account) -> Iterator[None]:
    """Hold the only right to start or stop the services of `layout`; waits for another holder.

    The kernel drops the lock when its holder dies, so no lock is ever left behind.
    """
    make_folders(layout, account)
    with layout.lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_folders(layout: Layout, account: Account) -> None:
    """Make the home and the socket folder, private to `account`; existing parents keep their modes and owners."""
    if account.uid is not None:
        SYSTEM_HOME.mkdir(parents=True, exist_ok=True)
    layout.home.mkdir(parents=True, exist_ok=True, mode=0o777 if account.uid is None else 0o700)
    layout.sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in {layout.home, layout.sockets}:
        account.own(folder)
    status = layout.sockets.lstat()
    expected = os.geteuid() if account.uid is None else account.uid
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != expected:
        raise EmbeddedServiceError(f"{layout.sockets} belongs to someone else")
    layout.sockets.chmod(0o700)


def make_private(folder: Path, account: Account) -> None:
    """Make `folder`, readable by `account` alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    account.own(folder)


def shorten_log(path: Path, *, limit: int = 20_000_000) -> None:
    """Move a log of more than `limit` bytes aside, over the one moved before."""
    if path.exists() and path.stat().st_size > limit:
        path.replace(path.with_suffix(".old.log"))


def remove_folders(layout: Layout) -> None:
    """Delete everything of `layout`; its servers must have been stopped."""
    shutil.rmtree(layout.sockets, ignore_errors=True)
    shutil.rmtree(layout.home, ignore_errors=True)
