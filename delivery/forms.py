"""The web's form for mailboxes; the rules live in the services, whose refusals are shown beside the fields they name."""

from typing import Any

from django import forms

from core.exceptions import DomainError
from delivery.models import Mailbox
from delivery.presets import Preset


def add_refusal(form: forms.Form, error: DomainError) -> None:
    """Show a service's refusal in the form: beside the fields it names, else above all."""
    shown = False
    for name, texts in error.fields.items():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)
            shown = True
    if not shown:
        form.add_error(None, error.message)


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

    def __init__(self, *args: Any, mailbox: Mailbox | None = None, preset: Preset | None = None, **kwargs: Any) -> None:
        initial: dict[str, Any] = {}
        if mailbox is not None:
            initial = {name: getattr(mailbox, name) for name in self.base_fields if name != "smtp_password"}
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
        return values


class DomainForm(forms.Form):
    """A domain that mail will come from."""

    name = forms.CharField(
        label="Domain",
        max_length=253,
        widget=forms.TextInput(attrs={"placeholder": "example.com", "autocomplete": "off", "spellcheck": "false"}),
    )
