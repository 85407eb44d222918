from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contacts.models import TrackingMode
from delivery.selectors import HONEYPOT_LABEL
from tests.factories.tracking import APPLE_MPP, CHROME, GMAIL, SENT_AT, chunked, make_hit, make_link, make_sent
from tests.integration.tracking.reference import expected, read
from tracking import services
from tracking.hits import HEAD

pytestmark = pytest.mark.django_db

# Moments that are near the edges of the rules: seconds and microseconds around them, and the turn of an hour and a month.
seconds = st.one_of(st.integers(0, 14), st.sampled_from([3600 - 1, 3600, 29.5 * 24 * 3600]))
moments = st.builds(
    lambda second, micro: SENT_AT + timedelta(seconds=second, microseconds=micro),
    seconds,
    st.sampled_from([0, 1, 500_000]),
)
requests = st.lists(
    st.tuples(
        st.integers(0, 2),
        moments,
        st.integers(-1, 3),
        st.sampled_from([CHROME, CHROME, CHROME, GMAIL, APPLE_MPP]),
        st.sampled_from([0, 0, 0, 0, HEAD]),
    ),
    min_size=1,
    max_size=16,
)
modes = st.lists(
    st.sampled_from([*[TrackingMode.INDIVIDUAL] * 4, TrackingMode.AGGREGATE, TrackingMode.OFF]), min_size=3, max_size=3
)


@contextmanager
def forgotten() -> Iterator[None]:
    """Run a block whose changes to the database are to be forgotten."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


LATER = SENT_AT + timedelta(minutes=5)
# All real links of the mail at once make a burst, also where its honeypot was followed at another time.
ALL_LINKS_AND_THE_HONEYPOT_BEFORE = {
    "asked": [(0, SENT_AT, 2, CHROME, 0), (0, LATER, 0, CHROME, 0), (0, LATER, 1, CHROME, 0)],
    "modes": [TrackingMode.INDIVIDUAL] * 3,
    "links": 2,
    "honeypot": True,
    "random": Random(1),
    "sizes": [],
}


@example(**ALL_LINKS_AND_THE_HONEYPOT_BEFORE)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests,
    modes,
    st.integers(2, 3),
    st.booleans(),
    st.randoms(use_true_random=False),
    st.lists(st.integers(1, 6), max_size=6),
)
def test_order_chunks_and_repeats_of_hits_never_change_what_comes_out(asked, modes, links, honeypot, random, sizes):
    with forgotten():
        sent = make_sent(recipients=3, links=links)
        for contact, mode in zip(sent.contacts, modes, strict=True):
            contact.tracking = mode
            contact.save(update_fields=["tracking"])
        honeypots: frozenset[int] = frozenset()
        if honeypot:
            trap = make_link(sent.mailing, "https://example.com/trap", label=HONEYPOT_LABEL)
            sent.links.append(trap)
            honeypots = frozenset([trap.pk])
        hits = [
            make_hit(
                sent.messages[who],
                at,
                link=sent.links[link % len(sent.links)] if link >= 0 else 0,
                user_agent=agent,
                flags=flags,
            )
            for who, at, link, agent, flags in asked
        ]
        deliveries = random.sample(hits, len(hits)) + random.sample(hits, len(hits) // 3)
        for chunk in chunked(deliveries, sizes):
            services.record_hits(chunk)
        assert read(sent) == expected(sent, hits, honeypots=honeypots)
