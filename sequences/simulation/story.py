"""What a simulation tells: the steps that one person comes by, with their times."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sequences.models import StepKind


class Basis(StrEnum):
    """Why a lane was taken."""

    KNOWN = "known"
    """It follows from what is known of the person."""
    CHOSEN = "chosen"
    """Whoever simulates has chosen it."""
    SAMPLED = "sampled"
    """It was drawn by the seed."""
    ASSUMED = "assumed"
    """Nobody knows yet: the usual case."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What a message waits for: a code, a sentence, until when."""

    code: str
    sentence: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Mail:
    """An email as it goes to this person; `problem` says why it can't be made, `from_name` is a tested version's own."""

    subject: str
    preheader: str
    due_at: datetime
    leaves_at: datetime
    holds: tuple[Hold, ...] = ()
    problem: str = ""
    from_name: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """Which lane was taken (or, of an email under test, which version is sent), of which (names with their words), and by what; `happens_at` is when they react, if they do."""

    lane: str
    basis: Basis
    sentence: str
    options: tuple[tuple[str, str], ...]
    happens_at: datetime | None = None

    @property
    def basis_words(self) -> str:
        """Why this lane, a sentence."""
        return {
            Basis.KNOWN: "",
            Basis.CHOSEN: "You chose this.",
            Basis.SAMPLED: "Drawn.",
            Basis.ASSUMED: "Assumed; choose another to see what happens there.",
        }[self.basis]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step on the way.  `left_at` is None where the way ends; `why` says where its time comes from."""

    key: str
    kind: str
    label: str
    rotation: int
    depth: int
    entered_at: datetime
    left_at: datetime | None
    why: str = ""
    mail: Mail | None = None
    route: Route | None = None

    @property
    def kind_label(self) -> str:
        """What kind of step it is, for people."""
        return str(StepKind(self.kind).label)

    @property
    def choice_key(self) -> str:
        """The name under which an outcome is chosen for this stage."""
        return f"{self.key}:{self.rotation}" if self.rotation else self.key

    @property
    def at(self) -> datetime:
        """When the step does what it does: an email leaves, a wait is over, a lane is taken."""
        return self.left_at or (self.mail.leaves_at if self.mail else self.entered_at)


@dataclass(frozen=True, slots=True)
class Story:
    """The whole way; `ending` is completed, exit, exit_filter, goal, or cut (it goes round and round)."""

    start: datetime
    time_zone: str
    stages: tuple[Stage, ...]
    ending: str
    ended_at: datetime
    warnings: tuple[str, ...] = field(default=())

    @property
    def emails(self) -> list[Stage]:
        """The stages that send something."""
        return [stage for stage in self.stages if stage.mail is not None]

    @property
    def ending_words(self) -> str:
        """How the way ends, a sentence."""
        return {
            "completed": "The way ends here: this was the last step.",
            "exit": "The way ends at an exit.",
            "exit_filter": "The exit filter takes them out before the next email.",
            "goal": "The goal is reached, and the way ends.",
            "cut": "It goes on like this; the simulation stops here.",
        }[self.ending]
