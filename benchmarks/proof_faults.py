"""Nothing lost, nothing twice: a campaign to 20,000 contacts while everything that can be killed is killed, 50 times.

The product's own path (launch, Celery workers, beat, its supervisor, durable servers) against a slow sink that knows what it
took. Workers die at named points inside a batch, as whole or in parts; beat, Redis, PostgreSQL and the sink are killed by
SIGKILL or cut off. SEED fixes the schedule; N and KILLS shorten it for a trial.

`recovery_s` is the longest time from a kill until everything runs, nothing is unsettled, a batch was leased after the kill
and the next message has arrived.
"""

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks._faults import KINDS, Fault, Rig, Verdict, judge, schedule
from benchmarks._faults_site import SinkServer, Site, wait_for
from benchmarks.bench_send import prepare
from campaigns import services as campaigns
from config.embedded.layout import layout_for
from config.embedded.postgres import start_postgres
from config.embedded.valkey import start_valkey
from config.supervisor import ServerSpec
from delivery import services
from delivery.models import Mailbox, Message

N = int(os.environ.get("N", "20000"))
KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("SEED", "20261124"))
CONNECTIONS = 4
RECOVERY_SECONDS = 60.0
# A second broken connection of a message is tried again after five minutes.
PATIENCE_SECONDS = 600.0
# Every kind once, then these again in turn.
OFTEN = (
    "pool process",
    "smtp connections cut",
    "content sent",
    "worker",
    "postgres",
    "reply read",
    "redis",
    "in the commit",
    "smtp server",
    "beat",
)


def main() -> dict[str, Any]:
    """Return the proof's line; exits with status 1 after printing it if anything is wrong."""
    folder = Path(os.environ["DATA_DIR"])
    draw = random.Random(SEED)
    layout = layout_for(folder.parent)
    sink = SinkServer(make(folder / "sink"))
    site = Site("mail", os.environ, folder / "orders")
    rig = Rig(site, sink, layout, draw)
    site.servers = [
        ServerSpec("PostgreSQL", rig.come_back(lambda: start_postgres(folder.parent))),
        ServerSpec("Redis", rig.come_back(lambda: start_valkey(folder.parent))),
    ]
    sink.start()
    try:
        site.start()
        verdict = run(rig, draw)
    except BaseException:
        print("\n".join(site.said), tail(folder / "logs" / "worker.log"), sep="\n", file=sys.stderr)
        raise
    finally:
        site.stop()
        sink.kill()
    result = line(rig.faults, verdict)
    faults = complaints(rig.faults, verdict)
    for sentence in faults[:40]:
        print(sentence, file=sys.stderr)
    if faults:
        print(json.dumps(result), flush=True)
        sys.exit(1)
    return result


def run(rig: Rig, draw: random.Random) -> Verdict:
    """Launch, kill, let the rest go out and judge."""
    campaign = prepare("faults", N, rig.sink.port)
    first = Mailbox.objects.get(workspace=campaign.workspace)
    services.update_mailbox(first, max_connections=CONNECTIONS)
    second = services.create_mailbox(
        workspace=campaign.workspace,
        from_email="more@sender.example",
        smtp_host="127.0.0.1",
        smtp_port=rig.sink.port,
        smtp_security="plain",
        max_connections=CONNECTIONS,
        on_unknown="resend",
    )
    campaigns.update_campaign(campaign, changes={"mailboxes": [first, second]})
    campaigns.check_campaign(campaign)
    wait_for("the check is done", lambda: not campaign.checks.filter(finished_at=None).exists())
    campaign.refresh_from_db()
    began = time.monotonic()
    campaigns.launch_campaign(campaign, accept_warnings=True)
    for kind, at_reply in schedule(kinds(), N, draw):
        print(rig.suffer(kind, at_reply).line(), f"[{time.monotonic() - began:.0f} s]", flush=True)
    rig.finish(seconds=PATIENCE_SECONDS)
    messages = Message.objects.filter(workspace=campaign.workspace)
    return judge(rig, list(messages.values_list("pk", flat=True)))


def kinds() -> list[str]:
    """Return the kinds of kills, each as often as it comes."""
    chosen = [*KINDS, *OFTEN * (KILLS // len(OFTEN) + 1)]
    return chosen[:KILLS] if len(KINDS) <= KILLS else random.Random(SEED).sample(KINDS, KILLS)


def line(faults: list[Fault], verdict: Verdict) -> dict[str, Any]:
    """Return the numbers."""
    return {
        "proof": "faults",
        "kills": len(faults),
        "lost": verdict.lost,
        "duplicates_unflagged": verdict.duplicates_unflagged,
        "unknown_max_per_connection": verdict.unknown_max_per_connection,
        "recovery_s": round(max(fault.recovery_s for fault in faults), 1),
        "in_doubt": sum(fault.in_doubt for fault in faults),
        "duplicates_flagged": verdict.duplicates_flagged,
        "states": dict(verdict.states),
        "n": N,
        "seed": SEED,
    }


def complaints(faults: list[Fault], verdict: Verdict) -> list[str]:
    """Return what is wrong, in sentences."""
    found = list(verdict.faults)
    if verdict.states.total() != N:
        found.append(f"{verdict.states.total()} messages instead of {N}")
    if verdict.unknown_max_per_connection > 1:
        found.append(f"{verdict.unknown_max_per_connection} messages of one connection are in doubt")
    found += [f"slow recovery: {fault.line()}" for fault in faults if fault.recovery_s > RECOVERY_SECONDS]
    return found


def make(folder: Path) -> Path:
    """Make a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def tail(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text(errors="replace")[-4000:] if log.exists() else ""
