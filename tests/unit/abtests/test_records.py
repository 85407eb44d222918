"""A stored look gives its verdict again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abtests.statistics.records import Question
from abtests.statistics.spending import next_look
from tests.unit.abtests.strategies import counts, equal_counts


@given(st.one_of(counts(), equal_counts()), st.floats(0.001, 0.5), st.booleans(), st.booleans())
def test_a_verdict_is_made_again_to_the_last_digit(found, lead, final, has_looks):
    successes, trials = (tuple(numbers) for numbers in found)
    look = next_look(successes, trials, lead=lead, final=final)
    looks = {"information": look.information, "spent": look.spent} if has_looks else {}
    asked = Question(successes, trials, lead, **looks, final=final, complaints=(0,) * len(trials))
    stored = json.loads(json.dumps(asked.as_json()))
    assert Question.from_json(stored) == asked
    assert Question.from_json(stored).answer() == asked.answer()


@pytest.mark.parametrize("stored", [{}, {"successes": [1], "trials": [2], "lead": 0.1, "colour": "red"}])
def test_what_is_no_look_is_refused(stored):
    with pytest.raises(ValueError, match="no stored look"):
        Question.from_json(stored)
