"""The proof in small: campaigns under test through the real path (`make proof P=abtests` runs 400)."""

import pytest

from tests.factories.sequences import make_contacts, make_mailbox
from tests.factories.team import WorkspaceFactory
from tests.integration.abtests.blasts import MOST_PEOPLE, play, truths_with
from tests.integration.tracking.conftest import empty_event_store as empty_event_store

CAMPAIGNS = 20
# Twice that of the long proof: campaigns are a quarter as large.
LEAD = 0.2


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_every_verdict_is_what_a_count_of_the_matured_one_by_one_gives(empty_event_store):
    workspace = WorkspaceFactory()
    people = make_contacts(workspace, MOST_PEOPLE)
    kinds = truths_with(LEAD)
    told = play(
        workspace, make_mailbox(workspace), people, {seed: kinds[seed % len(kinds)] for seed in range(CAMPAIGNS)}
    )
    assert [wrong for each in told for wrong in each.disagreements] == []
    assert {each.looks for each in told} <= set(range(1, 7))
    # The people are the same each time: of ten leads one in twenty may be missed, of ten ties one in twenty taken for a lead.
    assert sum(each.winner is not None and each.winner == each.truth.best for each in told) >= 8
    assert sum(each.winner is not None and each.truth.best is None for each in told) <= 2
