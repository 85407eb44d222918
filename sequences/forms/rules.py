"""The rules of a whole sequence: what a reply does, and who leaves before an email goes."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from django import forms

from contacts import selectors as contacts
from contacts.models import Segment
from core.exceptions import InvalidInput
from sequences.models import Sequence

KEEP = "keep"
REPLIES = [
    (Sequence.OnReply.GO_ON, "They go on as if nothing had come"),
    (Sequence.OnReply.STOP, "It ends for them, whichever mail they replied to"),
    (Sequence.OnReply.STOP_DOMAIN, "It ends for everybody at their company"),
]


class RulesForm(forms.Form):
    """What holds at once, also for people on the way."""

    on_reply = forms.ChoiceField(
        label="When a person replies",
        choices=REPLIES,
        widget=forms.RadioSelect,
        help_text="Mail that waits for them is cancelled. Automatic replies never end anything. "
        "Addresses at free mail providers have no company.",
    )
    exit_filter = forms.ChoiceField(
        label="Who leaves before an email goes",
        required=False,
        help_text="A segment’s conditions as they are now, asked before each email. Editing the segment later changes nothing here.",
    )

    def __init__(self, data: Any = None, *, sequence: Sequence) -> None:
        self.sequence = sequence
        self.segments = {str(segment.pk): segment for segment in contacts.segments_in(sequence.workspace)}
        own = segment_with(sequence.exit_filter, self.segments.values())
        kept = bool(sequence.exit_filter) and own is None
        chosen = str(own.pk) if own else KEEP if kept else ""
        super().__init__(data, initial={"on_reply": sequence.on_reply, "exit_filter": chosen})
        described = contacts.describe_segment(sequence.workspace_id, sequence.exit_filter) if kept else ""
        cast("forms.ChoiceField", self.fields["exit_filter"]).choices = [
            ("", "Nobody"),
            *([(KEEP, f"As now: {described}")] if kept else []),
            *((key, f"Who is in “{segment.name}”") for key, segment in self.segments.items()),
        ]

    def changes(self) -> dict[str, Any]:
        """Return the rules as the service takes them."""
        chosen = self.cleaned_data["exit_filter"]
        found: dict[str, Any] = {"on_reply": self.cleaned_data["on_reply"]}
        if chosen != KEEP:
            found["exit_filter"] = self.segments[chosen].definition if chosen else {}
        return found

    def add_faults(self, error: InvalidInput) -> None:
        """Show what the service said about the rules at the fields that hold them."""
        for path, messages in error.fields.items():
            name = path.partition(".")[0]
            for message in messages:
                self.add_error(name if name in self.fields else None, message)
        if not error.fields:
            self.add_error(None, error.message)


def segment_with(definition: Mapping[str, Any], segments: Iterable[Segment]) -> Segment | None:
    """Return the first of the segments that has these conditions; None for an empty definition."""
    return next((segment for segment in segments if definition and segment.definition == definition), None)
