"""Every write of tests."""

from abtests.services.assigning import assign_cells, assign_entrants, forget_contacts
from abtests.services.deciding import choose_winner, record_look
from abtests.services.lifecycle import pause, resume, start
from abtests.services.planning import add_variant, create_experiment

__all__ = [
    "add_variant",
    "assign_cells",
    "assign_entrants",
    "choose_winner",
    "create_experiment",
    "forget_contacts",
    "pause",
    "record_look",
    "resume",
    "start",
]
