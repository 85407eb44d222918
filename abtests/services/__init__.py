"""Every write of tests."""

from abtests.limits import FEWEST_ARMS
from abtests.plans import Plan, Promise
from abtests.services.assigning import assign_cells, assign_drawn, assign_entrants, forget_contacts
from abtests.services.batches import finish_bandit, release_due_batches
from abtests.services.cells import begin_cells
from abtests.services.converting import note_custom_events
from abtests.services.copying import copy_experiment, create_from_plan, plan_document
from abtests.services.deciding import choose_winner, record_look
from abtests.services.lifecycle import pause, resume, start, stop, stop_arm
from abtests.services.looks import end_when_matured, take_due_looks
from abtests.services.planning import (
    add_variant,
    create_experiment,
    plan_of,
    reaches_of,
    remove_variant,
    set_factors,
    update_experiment,
    update_variant,
)
from abtests.services.reporting import results_document
from abtests.services.serving import Foretold, Served, foretell, prepare, serve
from abtests.services.summarising import refresh_due_summaries, refresh_summary
from abtests.strata import NOT_COUNTED
from abtests.strata import of_slot as stratum_of_slot
from abtests.usual import FAST_WINDOWS, NORMAL_WINDOWS, usual_lead
from abtests.variant_fields import letter

__all__ = [
    "FAST_WINDOWS",
    "FEWEST_ARMS",
    "NORMAL_WINDOWS",
    "NOT_COUNTED",
    "Foretold",
    "Plan",
    "Promise",
    "Served",
    "add_variant",
    "assign_cells",
    "assign_drawn",
    "assign_entrants",
    "begin_cells",
    "choose_winner",
    "copy_experiment",
    "create_experiment",
    "create_from_plan",
    "end_when_matured",
    "finish_bandit",
    "foretell",
    "forget_contacts",
    "letter",
    "note_custom_events",
    "pause",
    "plan_document",
    "plan_of",
    "prepare",
    "reaches_of",
    "record_look",
    "refresh_due_summaries",
    "refresh_summary",
    "release_due_batches",
    "remove_variant",
    "results_document",
    "resume",
    "serve",
    "set_factors",
    "start",
    "stop",
    "stop_arm",
    "stratum_of_slot",
    "take_due_looks",
    "update_experiment",
    "update_variant",
    "usual_lead",
]
