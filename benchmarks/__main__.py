"""Runs benchmarks and long proofs on servers of their own, with the settings of production.

    python -m benchmarks [NAME …]      all benchmarks without a name
    python -m benchmarks proof_NAME    a proof, which takes minutes

Each is a module of this package with `main() -> dict`, whose result is printed as the last line, one JSON object. It runs in a
process of its own, with an empty, migrated database and an empty Redis. The modules of proofs are named `proof_…`.
"""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import call_command

from config.embedded.folders import remove_folders
from config.embedded.layout import layout_for
from config.embedded.postgres import PostgresServer, start_postgres
from config.embedded.valkey import ValkeyServer, start_valkey
from config.secrets import new_encryption_key

ROOT = Path(__file__).resolve().parents[1]
INSIDE = "--inside"


def modules() -> dict[str, str]:
    """Return the module of each benchmark by its name: `bench_import` is called `import`, which can't name a module."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    return {stem.removeprefix("bench_"): stem for stem in stems}


@contextmanager
def services() -> Iterator[dict[str, str]]:
    """Run durable servers in a throw-away folder; yields the environment that points at them."""
    folder = Path(tempfile.mkdtemp(prefix="drumbeat-benchmark-"))
    layout = layout_for(folder)
    try:
        database, store = start_postgres(folder), start_valkey(folder)
        yield {
            **os.environ,
            "ENV_FILE": os.devnull,
            "DATABASE_URL": database.url,
            "REDIS_URL": store.url,
            "DATA_DIR": str(folder / "data"),
            "SECRET_KEY": "a key for benchmarks alone, the same in every process",
            "ENCRYPTION_KEYS": new_encryption_key(),
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        }
    finally:
        ValkeyServer(layout).discard()
        PostgresServer(layout).discard()
        remove_folders(layout)
        shutil.rmtree(folder, ignore_errors=True)


def run_inside(name: str) -> None:
    """Run a benchmark in this process, whose environment points at its servers."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    result = importlib.import_module(f"benchmarks.{modules()[name]}").main()
    print(json.dumps(result), flush=True)


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all; returns an exit status."""
    if arguments[:1] == [INSIDE]:
        run_inside(arguments[1])
        return 0
    known = list(modules())
    if unknown := [name for name in arguments if name not in known]:
        print(f"There is no {unknown[0]!r}, only: {', '.join(known)}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the servers are stopped on the way out
    status = 0
    for name in arguments or [name for name in known if not name.startswith("proof_")]:
        with services() as environment:
            command = [sys.executable, "-m", "benchmarks", INSIDE, name]
            status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode or status
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
