"""Which sections of a draft's checklist are filled in; whether what is in them works is the check's business."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from campaigns.audience import audience_of
from campaigns.lines import line_faults
from campaigns.models import Campaign, Kind
from campaigns.selectors import mailboxes_of, steps_of, subject_of, trigger_of
from campaigns.triggers import missing_in
from core import clock
from sequences.models import Step, StepKind


@dataclass(frozen=True, slots=True)
class Readiness:
    """Which sections of the checklist are ready; a triggered campaign has a trigger in place of an audience."""

    audience: bool
    trigger: bool
    sender: bool
    subject: bool
    email: bool
    schedule: bool

    @property
    def is_complete(self) -> bool:
        return not self.missing

    @property
    def missing(self) -> list[str]:
        """The names of the sections that are not ready."""
        return [section.name for section in fields(self) if not getattr(self, section.name)]


def readiness(campaign: Campaign, *, steps: Iterable[Step] | None = None) -> Readiness:
    """Tell which sections are filled in; `steps` are the campaign's, if they are known already."""
    triggered = campaign.kind == Kind.TRIGGERED
    emails = [step for step in (steps if steps is not None else steps_of(campaign)) if step.kind == StepKind.EMAIL]
    return Readiness(
        audience=triggered or (audience_of(campaign).is_chosen and not campaign.lost_audience),
        trigger=not triggered or _has_trigger(campaign),
        sender=bool(mailboxes_of(campaign)),
        subject=bool(emails) and all(_has_subject(step) for step in emails),
        email=bool(emails) and all(_has_content(step) for step in emails),
        schedule=campaign.send_at is None or campaign.send_at > clock.now(),
    )


def _has_trigger(campaign: Campaign) -> bool:
    trigger = trigger_of(campaign)
    return trigger is not None and not missing_in(trigger)


def _has_subject(step: Step) -> bool:
    return bool(subject_of(step)) and not line_faults(subject=step.subject, preheader=step.preheader)


def _has_content(step: Step) -> bool:
    return step.template_version is not None or bool(step.source.strip())
