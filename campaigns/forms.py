"""The checklist of a draft, and small forms around it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.core.validators import validate_email

from campaigns.exceptions import InvalidCampaign
from campaigns.holdouts import LONGEST_DAYS
from campaigns.lines import line_faults
from campaigns.models import Campaign, HoldoutGroup, Kind, SignUpForm
from campaigns.schedule import moment_of
from campaigns.selectors import steps_of
from campaigns.services import email_of, field_choices
from contacts import selectors as contacts
from contacts.models import List, Segment
from delivery import selectors as delivery
from delivery.models import Mailbox
from sequences.models import Step, StepKind
from sequences.services import LONGEST_WAIT
from team.models import Workspace

NOW = "now"
LATER = "later"
LINES = ("subject", "preheader")
UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
WEEKDAYS = [(str(number), name) for number, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))]
WALL_FORMAT = "%Y-%m-%dT%H:%M"


def zone_choices() -> list[tuple[str, str]]:
    """Return every time zone as a choice."""
    return [(name, name.replace("_", " ")) for name in sorted(available_timezones()) if "/" in name or name == "UTC"]


class CampaignForm(forms.Form):
    """Everything on the checklist but the template; all of it is optional until the check."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    name = forms.CharField(max_length=200, label="Name")
    lists = forms.ModelMultipleChoiceField(List.objects.none(), required=False)
    segments = forms.ModelMultipleChoiceField(Segment.objects.none(), required=False)
    excluded_lists = forms.ModelMultipleChoiceField(List.objects.none(), required=False)
    excluded_segments = forms.ModelMultipleChoiceField(Segment.objects.none(), required=False)
    mailboxes = forms.ModelMultipleChoiceField(Mailbox.objects.none(), required=False)
    subject = forms.CharField(required=False, max_length=500)
    preheader = forms.CharField(required=False, max_length=500)
    when = forms.ChoiceField(choices=[(NOW, "At once"), (LATER, "At a time")])
    send_at = forms.CharField(required=False)
    time_zone = forms.ChoiceField(choices=zone_choices)
    in_window = forms.BooleanField(required=False)
    window_days = forms.MultipleChoiceField(choices=WEEKDAYS, required=False)
    window_start = forms.TimeField(required=False)
    window_end = forms.TimeField(required=False)
    track_opens = forms.BooleanField(required=False)
    track_clicks = forms.BooleanField(required=False)
    holdout_percent = forms.FloatField(required=False, min_value=0, max_value=50)
    holdout_event = forms.CharField(required=False, max_length=100)
    holdout_days = forms.IntegerField(required=False, min_value=1, max_value=LONGEST_DAYS)
    is_necessary = forms.BooleanField(required=False)

    def __init__(
        self,
        data: Any = None,
        *,
        workspace: Workspace,
        steps: Sequence[Step] | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        """`steps` are a drip's, each with fields of its own; a broadcast's one email has plain ones."""
        super().__init__(data, initial=initial)
        self.steps = steps or []
        if steps is not None:
            del self.fields["subject"], self.fields["preheader"]
        for step in self.steps:
            self.fields.update(step_fields(step))
        for name in ("lists", "excluded_lists"):
            _choice(self.fields[name]).queryset = contacts.lists_in(workspace)
        for name in ("segments", "excluded_segments"):
            _choice(self.fields[name]).queryset = contacts.segments_in(workspace)
        _choice(self.fields["mailboxes"]).queryset = delivery.mailboxes_in(workspace)

    def clean(self) -> dict[str, Any]:
        """Turn the wall time into a moment."""
        cleaned: dict[str, Any] = super().clean() or {}
        for ending in self._emails():
            self._check_lines(cleaned, ending)
        for step in self.steps:
            amount = cleaned.get(f"amount-{step.key}")
            if amount and amount * UNITS[cleaned.get(f"unit-{step.key}", "seconds")] > LONGEST_WAIT.total_seconds():
                self.add_error(f"amount-{step.key}", "A wait takes two years at most.")
        self._clean_window(cleaned)
        # Empty: nobody is held out; the days stay as they are.
        cleaned["holdout_share"] = round((cleaned.pop("holdout_percent", None) or 0.0) / 100, 4)
        if cleaned.get("holdout_days") is None:
            cleaned.pop("holdout_days", None)
        wall = cleaned.get("send_at", "")
        cleaned["send_at"] = None
        if cleaned.get("when") == LATER:
            try:
                cleaned["send_at"] = moment_of(datetime.strptime(wall[:16], WALL_FORMAT), cleaned.get("time_zone", ""))  # noqa: DTZ007 - a wall time
            except InvalidCampaign as error:
                for name, messages in error.fields.items():
                    self.add_error(name, messages)
            except ValueError:
                self.add_error("send_at", "Give a day and a time.")
        return cleaned

    def _clean_window(self, cleaned: dict[str, Any]) -> None:
        """Turn the sending hours into the campaign's window."""
        days, start, end = (cleaned.pop(name, None) for name in ("window_days", "window_start", "window_end"))
        cleaned["window"] = {}
        if not cleaned.pop("in_window", False):
            return
        for name, value, sentence in (
            ("window_days", days, "Choose a day at least."),
            ("window_start", start, "From when?"),
            ("window_end", end, "Until when?"),
        ):
            if value in (None, []) and name not in self.errors:
                self.add_error(name, sentence)
        if days and start is not None and end is not None:
            cleaned["window"] = {"weekdays": days, "start": f"{start:%H:%M}", "end": f"{end:%H:%M}"}

    def changes(self) -> dict[str, Any]:
        """Return what `update_campaign` takes."""
        own = {name for step in self.steps for name in step_fields(step)}
        changes = {name: value for name, value in self.cleaned_data.items() if name not in {"version", "when", *own}}
        if self.steps:
            changes["step_changes"] = {step.key: self._step_changes(step) for step in self.steps}
        return changes

    def _step_changes(self, step: Step) -> dict[str, Any]:
        if step.kind == StepKind.WAIT:
            amount, unit = (self.cleaned_data[f"{name}-{step.key}"] for name in ("amount", "unit"))
            return {"wait": timedelta(seconds=amount * UNITS[unit])}
        return {name: self.cleaned_data[f"{name}-{step.key}"] for name in LINES}

    def _emails(self) -> list[str]:
        """The endings of the names of each email's fields."""
        if "subject" in self.fields:
            return [""]
        return [f"-{step.key}" for step in self.steps if step.kind == StepKind.EMAIL]

    def _check_lines(self, cleaned: dict[str, Any], ending: str) -> None:
        faults = line_faults(**{name: cleaned.get(name + ending, "") for name in LINES})
        for name, sentences in faults.items():
            self.add_error(name + ending, sentences)

    @classmethod
    def bound(cls, campaign: Campaign, data: Any) -> "CampaignForm":
        """Return the form with what was sent."""
        return cls(data, workspace=campaign.workspace, steps=_steps_to_edit(campaign))

    @classmethod
    def of(cls, campaign: Campaign) -> "CampaignForm":
        """Return the form as the draft is now."""
        # A sequence on the canvas may have no email yet; a drip's emails have fields of their own anyway.
        step = email_of(campaign) if campaign.kind == Kind.BROADCAST else None
        zone = ZoneInfo(campaign.time_zone)
        initial = {
            "version": campaign.version,
            "name": campaign.name,
            "subject": step.subject if step else "",
            "preheader": step.preheader if step else "",
            "when": LATER if campaign.send_at else NOW,
            "send_at": campaign.send_at.astimezone(zone).strftime(WALL_FORMAT) if campaign.send_at else "",
            "time_zone": campaign.time_zone,
            "in_window": bool(campaign.window),
            "window_days": [str(day) for day in campaign.window.get("weekdays", range(5))],
            "window_start": campaign.window.get("start", "09:00"),
            "window_end": campaign.window.get("end", "17:00"),
            "track_opens": campaign.track_opens,
            "track_clicks": campaign.track_clicks,
            "holdout_percent": f"{campaign.holdout_share * 100:g}" if campaign.holdout_share else "",
            "holdout_event": campaign.holdout_event,
            "holdout_days": campaign.holdout_days,
            "is_necessary": campaign.is_necessary,
        }
        for relation in ("lists", "segments", "excluded_lists", "excluded_segments", "mailboxes"):
            initial[relation] = [item.pk for item in getattr(campaign, relation).all()]
        steps = _steps_to_edit(campaign)
        for own in steps or []:
            initial |= step_values(own)
        return cls(workspace=campaign.workspace, steps=steps, initial=initial)


def _steps_to_edit(campaign: Campaign) -> list[Step] | None:
    """The checklist edits a drip's plain steps; the builder edits all."""
    return [step for step in steps_of(campaign) if step.is_plain] if campaign.is_long else None


def step_fields(step: Step) -> dict[str, forms.Field]:
    """Return the form fields of one step, by names that end in its key."""
    if step.kind == StepKind.WAIT:
        units = [(name, name) for name in UNITS if name != "seconds" or unit_of(step.wait)[1] == "seconds"]
        amount = forms.IntegerField(min_value=1, max_value=1_000_000, error_messages={"required": "How long?"})
        return {f"amount-{step.key}": amount, f"unit-{step.key}": forms.ChoiceField(choices=units)}
    return {f"{name}-{step.key}": forms.CharField(required=False, max_length=500) for name in LINES}


def step_values(step: Step) -> dict[str, Any]:
    """Return the values of a step's form fields as it is now."""
    if step.kind == StepKind.WAIT:
        amount, unit = unit_of(step.wait)
        return {f"amount-{step.key}": amount, f"unit-{step.key}": unit}
    return {f"{name}-{step.key}": getattr(step, name) for name in LINES}


def unit_of(wait: timedelta | None) -> tuple[int, str]:
    """Return a wait as a number of the largest unit that it is a whole number of."""
    seconds = round(wait.total_seconds()) if wait else 0
    for unit, size in UNITS.items():
        if seconds and seconds % size == 0:
            return seconds // size, unit
    return seconds, "seconds"


def _choice(field: forms.Field) -> "forms.ModelMultipleChoiceField[Any]":
    assert isinstance(field, forms.ModelMultipleChoiceField)  # noqa: S101 - for the type checker
    return field


class TestSendForm(forms.Form):
    """Where a test goes, and as whom it is filled in."""

    to = forms.CharField(label="Send to", max_length=2000, help_text="One or more addresses, with commas between them.")
    contact = forms.IntegerField(required=False, label="Filled in as", widget=forms.Select)

    def clean_to(self) -> list[str]:
        """Return the addresses, each once."""
        addresses = [part.strip() for part in self.cleaned_data["to"].replace(";", ",").replace("\n", ",").split(",")]
        wanted = list(dict.fromkeys(address for address in addresses if address))
        for address in wanted:
            try:
                validate_email(address)
            except forms.ValidationError:
                raise forms.ValidationError(f"“{address}” is not an email address.") from None
        return wanted


class SignUpSettingsForm(forms.Form):
    """What a sign-up form asks, says and does."""

    name = forms.CharField(max_length=120, label="Name", help_text="Only your team sees it.")
    title = forms.CharField(max_length=200, label="Title")
    text = forms.CharField(required=False, label="Introduction", widget=forms.Textarea({"rows": 3}))
    fields_asked = forms.MultipleChoiceField(
        required=False, label="Asks beside the address", widget=forms.CheckboxSelectMultiple
    )
    lists = forms.ModelMultipleChoiceField(
        List.objects.none(), required=False, label="Puts into these lists", widget=forms.CheckboxSelectMultiple
    )
    consent_text = forms.CharField(
        required=False,
        label="Consent",
        widget=forms.Textarea({"rows": 2}),
        help_text="With a box that must be ticked; kept with each sign-up.",
    )
    double_opt_in = forms.BooleanField(
        required=False, initial=True, label="Double opt-in: a mail asks to confirm the address"
    )
    mailbox = forms.ModelChoiceField(Mailbox.objects.none(), required=False, label="Mailbox of the confirmation")
    mail_subject = forms.CharField(required=False, max_length=200, label="Subject of the confirmation")
    mail_text = forms.CharField(required=False, label="Text of the confirmation", widget=forms.Textarea({"rows": 3}))
    thanks = forms.CharField(required=False, label="Thanks", widget=forms.Textarea({"rows": 2}))
    redirect_url = forms.URLField(
        required=False, assume_scheme="https", label="Or go to", help_text="A page of yours, instead of the thanks."
    )
    is_open = forms.BooleanField(required=False, initial=True, label="Takes sign-ups")

    def __init__(self, data: Any = None, *, workspace: Workspace, form: SignUpForm | None = None) -> None:
        blank = form or SignUpForm()
        names = ("name", "title", "text", "consent_text", "double_opt_in", "mail_subject", "mail_text", "thanks")
        initial = {name: getattr(blank, name) for name in (*names, "redirect_url", "is_open")}
        initial |= {"fields_asked": blank.fields, "mailbox": blank.mailbox_id}
        initial["lists"] = [list_.pk for list_ in form.lists.all()] if form else []
        super().__init__(data, initial=initial)
        asked = self.fields["fields_asked"]
        assert isinstance(asked, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        asked.choices = list(field_choices(workspace).items())
        lists, mailboxes = self.fields["lists"], self.fields["mailbox"]
        assert isinstance(lists, forms.ModelMultipleChoiceField)  # noqa: S101 - as above
        assert isinstance(mailboxes, forms.ModelChoiceField)  # noqa: S101 - as above
        lists.queryset = contacts.lists_in(workspace)
        mailboxes.queryset = delivery.mailboxes_in(workspace)

    def clean(self) -> dict[str, Any]:
        """Name the fields as the service does."""
        cleaned: dict[str, Any] = super().clean() or {}
        cleaned["fields"] = cleaned.pop("fields_asked", [])
        return cleaned


class HoldoutGroupForm(forms.Form):
    """How many of all contacts get no campaign, and for how long the same."""

    percent = forms.FloatField(
        min_value=0, max_value=50, label="Share of all contacts (%)", help_text="0 to 50; 0: everybody gets mail."
    )
    renew_months = forms.TypedChoiceField(
        coerce=int,
        choices=[(1, "Every month"), (3, "Every quarter"), (6, "Every half-year"), (12, "Every year"), (0, "Never")],
        label="Others are drawn",
    )

    def changes(self) -> dict[str, Any]:
        """Return what the service takes."""
        data = self.cleaned_data
        return {"share": round(data["percent"] / 100, 4), "renew_months": data["renew_months"]}

    @staticmethod
    def initial_of(group: HoldoutGroup | None) -> dict[str, Any]:
        """Return the values of the group that stands."""
        if group is None:
            return {"percent": 0, "renew_months": 3}
        return {"percent": f"{group.share * 100:g}", "renew_months": group.renew_months}
