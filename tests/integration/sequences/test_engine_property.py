"""The engine against a slow interpreter of the same rules, with servers that are slow or refuse and workers that die.

A case that fails names its seed; `make proof P=engine` runs ten times as many, with workers that are really killed.
"""

import pytest

from tests.integration.sequences.cases import play

CASES = 100


@pytest.mark.django_db
@pytest.mark.parametrize("pace", [0, 1], ids=["quarters of an hour", "quarters of a day"])
def test_the_engine_does_what_the_interpreter_tells(pace):
    for case, person, did, told in play(list(range(CASES)), pace=pace, limit=150, deadly=0.3, people=2):
        assert did == told, f"case {case.seed}, person {person.number}: {case.steps}"
