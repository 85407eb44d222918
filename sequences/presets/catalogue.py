"""The presets: what each is for, and its steps as a document.  Links lead to example.com until somebody puts in their own."""

from dataclasses import dataclass, field
from typing import Any

from sequences.presets import cold, customers, welcoming

Steps = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Preset:
    """A sequence to start from; `date_fields` are custom fields that its waits need, by their keys.

    `on_reply` is the rule that goes with it, a value of `Sequence.on_reply`; empty: the one that is.
    """

    slug: str
    name: str
    description: str
    icon: str
    steps: Steps
    date_fields: dict[str, str] = field(default_factory=dict)
    on_reply: str = ""

    @property
    def length(self) -> str:
        """How many emails it has."""
        return f"{sum(step['kind'] == 'email' for step in every(self.steps))} emails"


def every(steps: Steps) -> Steps:
    """Return all steps of a document, also those in lanes."""
    return [
        each
        for step in steps
        for each in (step, *(inner for lane in step.get("lanes", {}).values() for inner in every(lane)))
    ]


PRESETS: dict[str, Preset] = {
    preset.slug: preset
    for preset in (
        Preset(
            "welcome",
            "Welcome",
            "Three friendly mails for new subscribers: who you are, what is best, what they need.",
            "sparkles",
            welcoming.WELCOME,
        ),
        Preset(
            "trial",
            "Trial onboarding",
            "Two weeks from sign-up to customer; help for those who get stuck, and an end once they buy.",
            "rocket",
            welcoming.TRIAL,
        ),
        Preset(
            "cold-outreach",
            "Cold outreach",
            "Five short mails in three weeks, follow-ups in the same thread; a reply ends it.",
            "mail-forward",
            cold.OUTREACH,
            on_reply="stop",
        ),
        Preset(
            "re-engagement",
            "Re-engagement",
            "Asks those who went quiet whether they want to stay, and lets go of who doesn’t answer.",
            "refresh",
            customers.RE_ENGAGEMENT,
        ),
        Preset(
            "event",
            "Event countdown",
            "Reminders two weeks, three days and an hour before a date, and a thank-you after it.",
            "calendar-event",
            customers.COUNTDOWN,
            {"eventDate": "Event date"},
        ),
        Preset(
            "post-purchase",
            "Post-purchase",
            "Thanks, a hand with getting started, a question about how it went, and a next step.",
            "shopping-cart",
            customers.PURCHASE,
        ),
    )
}
