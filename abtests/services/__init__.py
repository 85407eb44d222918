"""Every write of tests."""

from abtests.services.assigning import assign_cells, assign_entrants, forget_contacts
from abtests.services.deciding import choose_winner, record_look
from abtests.services.lifecycle import pause, resume, start
from abtests.services.planning import (
    add_variant,
    create_experiment,
    plan_of,
    remove_variant,
    set_factors,
    update_experiment,
    update_variant,
)
from abtests.services.serving import Served, prepare, serve
from abtests.strata import NOT_COUNTED
from abtests.strata import of_slot as stratum_of_slot

__all__ = [
    "NOT_COUNTED",
    "Served",
    "add_variant",
    "assign_cells",
    "assign_entrants",
    "choose_winner",
    "create_experiment",
    "forget_contacts",
    "pause",
    "plan_of",
    "prepare",
    "record_look",
    "remove_variant",
    "resume",
    "serve",
    "set_factors",
    "start",
    "stratum_of_slot",
    "update_experiment",
    "update_variant",
]
