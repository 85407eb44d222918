"""The checklist of a draft, and small forms around it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.core.validators import validate_email

from campaigns.exceptions import InvalidCampaign
from campaigns.models import Campaign
from campaigns.schedule import moment_of
from campaigns.services import email_of
from contacts import selectors as contacts
from contacts.models import List, Segment
from delivery import selectors as delivery
from delivery.models import Mailbox
from team.models import Workspace

NOW = "now"
LATER = "later"
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
    track_opens = forms.BooleanField(required=False)
    track_clicks = forms.BooleanField(required=False)

    def __init__(self, data: Any = None, *, workspace: Workspace, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        for name in ("lists", "excluded_lists"):
            _choice(self.fields[name]).queryset = contacts.lists_in(workspace)
        for name in ("segments", "excluded_segments"):
            _choice(self.fields[name]).queryset = contacts.segments_in(workspace)
        _choice(self.fields["mailboxes"]).queryset = delivery.mailboxes_in(workspace)

    def clean(self) -> dict[str, Any]:
        """Turn the wall time into a moment."""
        cleaned: dict[str, Any] = super().clean() or {}
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

    def changes(self) -> dict[str, Any]:
        """Return what `update_campaign` takes."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("version", "when")}

    @classmethod
    def of(cls, campaign: Campaign) -> "CampaignForm":
        """Return the form as the draft is now."""
        step = email_of(campaign)
        zone = ZoneInfo(campaign.time_zone)
        initial = {
            "version": campaign.version,
            "name": campaign.name,
            "subject": step.subject,
            "preheader": step.preheader,
            "when": LATER if campaign.send_at else NOW,
            "send_at": campaign.send_at.astimezone(zone).strftime(WALL_FORMAT) if campaign.send_at else "",
            "time_zone": campaign.time_zone,
            "track_opens": campaign.track_opens,
            "track_clicks": campaign.track_clicks,
        }
        for relation in ("lists", "segments", "excluded_lists", "excluded_segments", "mailboxes"):
            initial[relation] = [item.pk for item in getattr(campaign, relation).all()]
        return cls(workspace=campaign.workspace, initial=initial)


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
