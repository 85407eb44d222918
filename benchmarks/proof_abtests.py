"""Tests of versions through the real path: is the winner right, and is each verdict what the matured responses say?

CAMPAIGNS (400) broadcasts, GROUP (10) of them side by side in simulated time, PROCESSES (as many as there are cores) groups at a time, each
process on a database of its own.  Half of them have a best arm that leads by the planned 10 points over a base rate of 20 %, half have
two arms that tie on top; two arms and four.  All is the product's own but the wire and the people (`tests/integration/abtests/blasts.py`):
messages are accepted by the ledger's own receipts instead of an SMTP server, and people click late, early, twice or not at all, scanners follow
all links, some are found out hours later, and some people unsubscribe.

`disagreements` are stored looks whose verdict is not what `decide()` says of the matured recipients counted one by one from what was decided
beforehand, and tests that ended wrongly.  Beside the rates stand those of others on the same people, `naive`: p < 0.05 at any of the same
looks; `chance_to_beat`: a 95 % chance to be the best at any look; `live`: both of them every hour on whoever has clicked so far, as a dashboard
shows it. A false winner is one of a tie; a missed one is any end but the best arm's victory.  SEED=… draws other people.
"""

import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from benchmarks.proof_engine import make_databases, move_in
from contacts.models import Contact
from delivery.models import Mailbox
from team.models import Workspace
from tests.factories.sequences import make_contacts, make_mailbox
from tests.integration.abtests.blasts import MOST_PEOPLE, Told, play, truths_with
from tracking import services as tracking

CAMPAIGNS = int(os.environ.get("CAMPAIGNS", "400"))
GROUP = int(os.environ.get("GROUP", "10"))
SEED = int(os.environ.get("SEED", "1000"))
PROCESSES = int(os.environ.get("PROCESSES", "0")) or os.cpu_count() or 1
LEAD = 0.1
# Of 400 with a chance of 5 % each: so many are three standard deviations and more.
ALARM = 34


def main() -> dict[str, Any]:
    """Return the proof's line; ends with a status other than 0 when a verdict is wrong or too many winners are."""
    started = time.monotonic()
    told: list[Told] = []
    fork = multiprocessing.get_context("fork")
    databases = fork.Queue()
    for url in make_databases(PROCESSES):
        databases.put(url)
    with ProcessPoolExecutor(PROCESSES, mp_context=fork, initializer=move_in, initargs=(databases,)) as pool:
        groups = [pool.submit(run_group, first) for first in range(0, CAMPAIGNS, GROUP)]
        for group in as_completed(groups):
            told += group.result()
            seconds = time.monotonic() - started
            print(f"{len(told)} campaigns, {seconds:.0f} s", file=sys.stderr, flush=True)
    result = summed_up(told) | {"minutes": round((time.monotonic() - started) / 60, 1)}
    wrong = [line for each in told for line in each.disagreements]
    print(*wrong[:20], sep="\n", file=sys.stderr)
    if wrong or result["false_winners"] + result["missed_winners"] >= ALARM:
        print(result)
        sys.exit(1)
    return result


def run_group(first: int) -> list[Told]:
    """Run some campaigns side by side."""
    logging.disable(logging.WARNING)
    workspace = Workspace.objects.filter(slug="proof").first()
    if workspace is None:
        workspace = Workspace.objects.create(name="Proof", slug="proof", postal_address="1 Main Street")
        make_contacts(workspace, MOST_PEOPLE)
        make_mailbox(workspace)
        tracking.prepare_partitions()
    people = list(Contact.objects.filter(workspace=workspace).order_by("pk").values_list("pk", flat=True))
    kinds = truths_with(LEAD)
    truths = {SEED + number: kinds[number % len(kinds)] for number in range(first, min(first + GROUP, CAMPAIGNS))}
    return play(workspace, Mailbox.objects.get(workspace=workspace), people, truths)


def summed_up(told: Sequence[Told]) -> dict[str, Any]:
    """Return the rates, ours and others'."""
    led = [each for each in told if each.truth.best is not None]
    tied = [each for each in told if each.truth.best is None]

    def rate(of: Sequence[Told], holds: Callable[[Told], bool]) -> float:
        return round(sum(map(holds, of)) / len(of), 4) if of else 0.0

    return {
        "proof": "abtests",
        "right_winner_rate": rate(led, lambda each: each.winner == each.truth.best),
        "false_winner_rate": rate(tied, lambda each: each.winner is not None),
        "naive_false_winner_rate": rate(tied, lambda each: each.peeking is not None),
        "disagreements": sum(len(each.disagreements) for each in told),
        "campaigns": len(told),
        "recipients": sum(each.recipients for each in told),
        "looks": sum(each.looks for each in told),
        "false_winners": sum(each.winner is not None for each in tied),
        "missed_winners": sum(each.winner != each.truth.best for each in led),
        "wrong_winners": sum(each.winner not in (None, each.truth.best) for each in led),
        "chance_to_beat_false_winner_rate": rate(tied, lambda each: each.chance is not None),
        "live": {
            "naive_false_winner_rate": rate(tied, lambda each: each.peeking_live is not None),
            "chance_to_beat_false_winner_rate": rate(tied, lambda each: each.chance_live is not None),
            "naive_wrong_winner_rate": rate(led, lambda each: each.peeking_live not in (None, each.truth.best)),
            "chance_to_beat_wrong_winner_rate": rate(led, lambda each: each.chance_live not in (None, each.truth.best)),
        },
    }
