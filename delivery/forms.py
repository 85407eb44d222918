"""The web's form for mailboxes; the rules live in the services, whose refusals are shown beside the fields they name."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from delivery.esp import PROVIDERS
from delivery.models import ApiAccount, Mailbox, OAuthLogin
from delivery.pacing import ramps
from delivery.pacing.history import ramp_of
from delivery.presets import Preset

OWN = "own"
WARM_UPS = [
    ("", "None"),
    *[(preset.key, f"{preset.label}: {preset.note}") for preset in ramps.PRESETS],
    (OWN, "Numbers of my own"),
]


def mailbox_zones() -> list[tuple[str, str]]:
    """Return every time zone as a choice, after the workspace's own."""
    zones = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
    return [("", "The workspace's"), *[(name, name.replace("_", " ")) for name in zones]]


class MailboxForm(forms.Form):
    """A mailbox. The password goes in and never comes out: left empty, the stored one stays."""

    from_name = forms.CharField(
        label="From name", max_length=150, required=False, help_text="For example “Ada at Example”."
    )
    from_email = forms.EmailField(label="From address", max_length=320)
    reply_to = forms.EmailField(
        label="Reply-to address", max_length=320, required=False, help_text="Empty: replies go to the from address."
    )
    smtp_host = forms.CharField(label="Server", max_length=255)
    smtp_port = forms.IntegerField(label="Port", min_value=1, max_value=65535, initial=587)
    smtp_security = forms.ChoiceField(label="Encryption", choices=Mailbox.Security.choices)
    smtp_username = forms.CharField(
        label="User name", max_length=255, required=False, help_text="Empty: the server asks for no login."
    )
    smtp_password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    smtp_verify = forms.BooleanField(
        label="Check the server's certificate",
        required=False,
        initial=True,
        help_text="Turn it off only for a server of your own with a certificate made by yourself.",
    )
    max_connections = forms.IntegerField(
        label="Connections of one worker at a time", min_value=1, max_value=20, initial=4
    )
    on_unknown = forms.ChoiceField(
        label="When it is unknown whether a message arrived",
        choices=Mailbox.OnUnknown.choices,
        help_text="That can happen when a machine fails between sending and the server's answer.",
    )

    per_second = forms.IntegerField(
        label="At most a second", min_value=1, required=False, help_text="Empty: no limit. Messages leave evenly."
    )
    per_minute = forms.IntegerField(
        label="At most a minute", min_value=1, required=False, help_text="The tighter of the two decides."
    )
    per_day = forms.IntegerField(
        label="At most a day",
        min_value=1,
        required=False,
        help_text="Your provider's limit: for example 2,000 at Google Workspace, 10,000 at Microsoft 365.",
    )
    time_zone = forms.ChoiceField(
        label="Whose midnight", required=False, help_text="When a new day's count begins.", choices=mailbox_zones
    )
    warm_up = forms.ChoiceField(
        label="Warm-up",
        choices=WARM_UPS,
        required=False,
        help_text="A new address that sends much at once is taken for spam: it starts small and grows day by day."
        " Conservative suits a new domain, Fast people who expect your mail.",
    )
    ramp_start = forms.IntegerField(label="On the first day", min_value=1, required=False)
    ramp_growth = forms.IntegerField(label="More each day", min_value=1, required=False)
    ramp_unit = forms.ChoiceField(label="Counted in", choices=Mailbox.RampUnit.choices, required=False)
    ramp_target = forms.IntegerField(label="A day in the end", min_value=1, required=False)

    def __init__(self, *args: Any, mailbox: Mailbox | None = None, preset: Preset | None = None, **kwargs: Any) -> None:
        initial: dict[str, Any] = {}
        if mailbox is not None:
            initial = {name: getattr(mailbox, name, "") for name in self.base_fields if name != "smtp_password"}
            initial["warm_up"] = warm_up_of(mailbox)
        elif preset is not None:
            initial = {"smtp_host": preset.host, "smtp_port": preset.port, "smtp_security": preset.security}
        super().__init__(*args, **{**kwargs, "initial": initial})
        if mailbox is not None and mailbox.has_password:
            self.fields["smtp_password"].help_text = "One is stored. Leave this empty to keep it."

    def values(self) -> dict[str, Any]:
        """Return what was entered, without a password that was left empty."""
        values = dict(self.cleaned_data)
        if not values["smtp_password"]:
            del values["smtp_password"]
        ramp = _ramp_values(values)
        return {**values, **ramp}

    def clean(self) -> dict[str, Any]:
        """Ask for the numbers of a warm-up of one's own."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("warm_up") == OWN:
            for name in ("ramp_start", "ramp_growth", "ramp_target"):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, "Give a number for a warm-up of your own.")
        return cleaned


def warm_up_of(mailbox: Mailbox) -> str:
    """Return the choice that stands for the mailbox's warm-up."""
    ramp = ramp_of(mailbox)
    if ramp is None:
        return ""
    return next((preset.key for preset in ramps.PRESETS if preset.ramp == ramp), OWN)


def _ramp_values(values: dict[str, Any]) -> dict[str, Any]:
    """Turn the choice of a warm-up into the mailbox's columns (and leave it out of `values`)."""
    choice = values.pop("warm_up", "")
    own = {name: values.pop(name, None) for name in ("ramp_start", "ramp_growth", "ramp_unit", "ramp_target")}
    if choice == OWN:
        return {name: value for name, value in own.items() if value}
    preset = ramps.preset_named(choice)
    if preset is None:
        return {"ramp_start": None}
    ramp = preset.ramp
    return {
        "ramp_start": ramp.start,
        "ramp_growth": ramp.growth,
        "ramp_unit": ramp.unit.value,
        "ramp_target": ramp.target,
    }


class RulesForm(forms.Form):
    """The workspace's quiet hours and frequency cap."""

    quiet_from = forms.TimeField(
        label="Quiet from", required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    quiet_until = forms.TimeField(
        label="until",
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text="By the recipient's clock where the time zone is known, else by the workspace's.",
    )
    most_messages = forms.IntegerField(
        label="At most so many messages to one contact", min_value=1, required=False, help_text="Empty: no limit."
    )
    most_days = forms.IntegerField(label="in so many days", min_value=1, max_value=90, initial=7)


class DomainForm(forms.Form):
    """A domain that mail will come from."""

    name = forms.CharField(
        label="Domain",
        max_length=253,
        widget=forms.TextInput(attrs={"placeholder": "example.com", "autocomplete": "off", "spellcheck": "false"}),
    )


class ApiAccountForm(forms.Form):
    """An account at a provider.  The key goes in and never comes out: left empty, the stored one stays."""

    provider = forms.ChoiceField(choices=[(provider.key, provider.label) for provider in PROVIDERS])
    api_key = forms.CharField(
        label="API key",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Postmark calls it a server API token.",
    )
    domain = forms.CharField(
        label="Sending domain",
        max_length=253,
        required=False,
        help_text="For Mailgun, if it isn't the domain of the from address.",
    )
    region = forms.ChoiceField(
        choices=[("", "The provider's default"), ("eu", "European Union")],
        required=False,
        help_text="SendGrid and Mailgun keep accounts of the European Union apart.",
    )

    def __init__(self, *args: Any, account: ApiAccount | None = None, **kwargs: Any) -> None:
        if account is not None:
            kwargs["initial"] = {name: getattr(account, name) for name in ("provider", "domain", "region")}
        super().__init__(*args, **kwargs)
        if account is not None:
            self.fields["api_key"].help_text = "One is stored. Leave this empty to keep it."

    def values(self) -> dict[str, Any]:
        """Return what was entered; a key that was left empty is None."""
        return {**self.cleaned_data, "api_key": self.cleaned_data["api_key"] or None}


class OAuthLoginForm(forms.Form):
    """How a mailbox gets its access tokens.  Secrets go in and never come out: left empty, the stored ones stay."""

    access_token = forms.CharField(
        label="Access token",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Only if you have no refresh token: it is used until it expires.",
    )
    token_url = forms.URLField(
        label="Token endpoint",
        max_length=500,
        required=False,
        assume_scheme="https",
        help_text="Google: https://oauth2.googleapis.com/token. Microsoft: https://login.microsoftonline.com/TENANT/oauth2/v2.0/token.",
    )
    client_id = forms.CharField(label="Client ID", max_length=500, required=False)
    client_secret = forms.CharField(
        label="Client secret",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Empty for a public client.",
    )
    refresh_token = forms.CharField(
        label="Refresh token", required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"})
    )
    scope = forms.CharField(
        max_length=1000,
        required=False,
        help_text="Microsoft: https://outlook.office.com/SMTP.Send offline_access. Google needs none.",
    )

    def __init__(self, *args: Any, login: OAuthLogin | None = None, **kwargs: Any) -> None:
        if login is not None:
            kwargs["initial"] = {name: getattr(login, name) for name in ("token_url", "client_id", "scope")}
        super().__init__(*args, **kwargs)
        if login is None:
            return
        stored = {
            "access_token": login.token.access_encrypted,
            "client_secret": login.client_secret_encrypted,
            "refresh_token": login.token.refresh_encrypted,
        }
        for name, sealed in stored.items():
            if sealed:
                self.fields[name].help_text = "One is stored. Leave this empty to keep it."

    def values(self) -> dict[str, Any]:
        """Return what was entered; a secret that was left empty is None."""
        secrets = ("access_token", "client_secret", "refresh_token")
        return {**self.cleaned_data, **{name: self.cleaned_data[name] or None for name in secrets}}


class ApiMailboxForm(ApiAccountForm):
    """A new mailbox with its account."""

    from_email = forms.EmailField(label="From address", max_length=320)
    from_name = forms.CharField(label="From name", max_length=150, required=False)
    reply_to = forms.EmailField(
        label="Reply-to address", max_length=320, required=False, help_text="Empty: replies go to the from address."
    )
    field_order = ("from_email", "from_name", "reply_to", "provider", "api_key", "domain", "region")

    def values(self) -> dict[str, Any]:
        """Return what was entered."""
        return dict(self.cleaned_data)
