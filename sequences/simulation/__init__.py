"""What would become of one person in a sequence: every step with its exact time, and nothing sent or written.

The rules are those of the engine (`sequences.kinds`, `sequences.graph`, `sequences.engine.walk.engagement`) and of delivery
(`delivery.selectors.foresee`); this package only goes through the steps and asks them.
"""

from sequences.simulation.outcomes import SOON, Outcomes, checked_outcomes
from sequences.simulation.persons import Person, made_up_person, person_of
from sequences.simulation.story import Basis, Hold, Mail, Route, Stage, Story
from sequences.simulation.versions import Tested, tested_emails
from sequences.simulation.walk import simulate

__all__ = [
    "SOON",
    "Basis",
    "Hold",
    "Mail",
    "Outcomes",
    "Person",
    "Route",
    "Stage",
    "Story",
    "Tested",
    "checked_outcomes",
    "made_up_person",
    "person_of",
    "simulate",
    "tested_emails",
]
