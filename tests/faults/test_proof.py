"""The proof of faults itself: its schedule, its points, and what it reads from the sink."""

import random
import subprocess
import sys
from pathlib import Path

from benchmarks._faults import KINDS, schedule
from benchmarks._faults_log import SinkLog
from tests.plugins.workers import ROOT

LOG = """O 1.1 ada@example.com 10.0
O 1.2 bob@example.com 10.1
T 1.1 ada@example.com 10.2
R 1.1 ada@example.com 10.3
O 1.1 cyd@example.com 10.4
X 1.3 nobody999@example.com 10.5
C 1.2 - 10.6
O 1.4 bob@example.com 11.0
T 1.4 bob@example.com 11.1
"""


def test_the_seed_fixes_when_which_kill_comes() -> None:
    first, again = (schedule(KINDS, 20_000, random.Random(7)) for _ in range(2))
    assert first == again
    assert sorted(kind for kind, _ in first) == sorted(KINDS)
    places = [at_reply for _, at_reply in first]
    assert places == sorted(places)
    assert 0 < places[0] < places[-1] < 18_000
    assert schedule(KINDS, 20_000, random.Random(8)) != first


def test_all_points_are_there_in_the_product(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks._faults_worker", str(tmp_path), "--version"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_sinks_log_tells_what_arrived_what_is_on_the_wire_and_who_was_offered_what(tmp_path: Path) -> None:
    path = tmp_path / "sink.log"
    log = SinkLog(path)
    assert log.read() == 0
    half = len(LOG) // 2
    path.write_text(LOG[:half])
    log.read()
    path.write_text(LOG)
    assert log.read() == 2
    assert dict(log.taken) == {"ada@example.com": 1, "bob@example.com": 1}
    assert log.refused == {"nobody999@example.com"}
    assert log.on_the_wire == {"1.1": "cyd@example.com", "1.4": "bob@example.com"}
    assert log.connection_of("bob@example.com", 10.9) == "1.2"
    assert log.connection_of("bob@example.com", 11.5) == "1.4"
    assert log.connection_of("bob@example.com", 9.0) is None
    assert (log.arrived_after(10.2), log.arrived_after(11.1)) == (11.1, None)
    log.forget_connections()
    assert log.on_the_wire == {}
