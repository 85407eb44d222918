"""What the package offers, and what it costs to load."""

import subprocess
import sys
from pathlib import Path

from abtests import statistics

FIXED = {
    "critical_point", "select_size", "confirm_size", "obrien_fleming_spend", "boundaries", "wilson", "difference", "two_sample",
    "probability_best", "sample_ratio", "thompson_weights", "decide",
}  # fmt: skip
HEAVY = ("scipy.stats", "statsmodels", "pandas", "django")


def test_the_fixed_names_are_there():
    assert set(statistics.__all__) >= FIXED
    assert all(callable(getattr(statistics, name)) for name in FIXED)


def test_loading_it_loads_neither_statsmodels_nor_scipy_stats_nor_django():
    program = f"import sys, abtests.statistics.plans, abtests.statistics.factorial\nprint([n for n in {HEAVY} if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=Path.cwd(), check=True)
    assert found.stdout.strip() == "[]"
