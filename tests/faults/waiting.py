"""Waiting for a state."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Look again and again until the condition holds.  Raises AssertionError when that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
