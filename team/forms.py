"""Forms of the team's pages."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField

from frontend.forms import DateLocal
from team import attempts
from team.models import AuditEntry, Invitation, Membership, Role, User, Workspace
from team.scopes import RESOURCES, Resource
from team.validators import time_zone_names

THROTTLED = "throttled"


def time_zone_field(**options: Any) -> forms.ChoiceField:
    """Return a field that offers every IANA time zone."""
    return forms.ChoiceField(choices=[(name, name.replace("_", " ")) for name in time_zone_names()], **options)


class SignInForm(AuthenticationForm):
    """Address and password, with a limit on wrong ones."""

    username = forms.EmailField(
        label="Email address", widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"})
    )
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "This address and password don’t go together. Passwords tell capitals from small letters.",
    }
    seconds_to_wait = 0

    def clean(self) -> dict[str, Any]:
        """Check the limits before the password, so that a locked-out guesser learns nothing."""
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not email or not password or self.request is None:
            return super().clean()
        limits = attempts.sign_in_limits(email, attempts.place_of(self.request))
        self.seconds_to_wait = attempts.seconds_to_wait(limits)
        if self.seconds_to_wait:
            raise ValidationError(too_many(self.seconds_to_wait), code=THROTTLED)
        try:
            cleaned = super().clean()
        except ValidationError:
            attempts.count(limits)
            raise
        attempts.forget(limits)
        return cleaned


def too_many(seconds: int) -> str:
    """Return the sentence that says when to try again."""
    minutes = (seconds + 59) // 60
    return f"Too many attempts. Try again in {minutes} minute{'s' if minutes != 1 else ''}, or reset your password."


class ForgottenPasswordForm(forms.Form):
    email = forms.EmailField(
        label="Email address", widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"})
    )


def _password(
    label: str = "Password", help_text: str = "At least 8 characters, and not a common one."
) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, strip=False, widget=widget, help_text=help_text)


class PersonForm(forms.Form):
    """Who is signing up: name and password."""

    first_name = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "given-name"}))
    last_name = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "family-name"}))
    password = _password()


class SetupForm(PersonForm):
    """The first user and the first workspace."""

    email = forms.EmailField(label="Email address", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    workspace_name = forms.CharField(
        label="Workspace", max_length=100, help_text="Usually the name of your company or brand."
    )
    time_zone = time_zone_field(initial="UTC")
    field_order = ["first_name", "last_name", "email", "password", "workspace_name", "time_zone"]


class ProfileForm(forms.ModelForm):
    time_zone = time_zone_field(help_text="All times are shown in this zone.")

    class Meta:
        model = User
        fields = ["first_name", "last_name", "time_zone"]


class NewWorkspaceForm(forms.Form):
    name = forms.CharField(max_length=100, widget=forms.TextInput(attrs={"autofocus": True}))
    time_zone = time_zone_field()


class WorkspaceForm(forms.ModelForm):
    time_zone = time_zone_field(help_text="Used for schedules, and for contacts whose zone isn’t known.")

    class Meta:
        model = Workspace
        fields = ["name", "slug", "company", "postal_address", "website", "time_zone", "locale"]
        widgets = {"postal_address": forms.Textarea(attrs={"rows": 3})}
        labels = {"slug": "Short name", "locale": "Language"}
        help_texts = {
            "slug": "Names the workspace in commands: letters, digits and hyphens.",
            "locale": "The language of contacts whose own isn’t known, as in en or pt-BR.",
        }


class InviteForm(forms.ModelForm):
    class Meta:
        model = Invitation
        fields = ["email", "role"]
        labels = {"email": "Email address"}

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = roles_for(membership)  # type: ignore[attr-defined]  # a ChoiceField

    def validate_unique(self) -> None:
        """Leave it to the service: inviting again renews the invitation."""

    def validate_constraints(self) -> None:
        """As above."""


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = roles_for(membership)  # type: ignore[attr-defined]  # a ChoiceField


def roles_for(membership: Membership) -> list[tuple[str, str]]:
    """Return the roles that this member may give to others: only owners make owners."""
    return [
        (str(value), label) for value, label in Role.choices if value != Role.OWNER or membership.role == Role.OWNER
    ]


class TokenForm(forms.Form):
    """A token's name and what it may do: everything, or a level for each resource.

    Choosing nothing is an error, so that no slip opens everything. `scopes` in the cleaned data is what services take.
    """

    name = forms.CharField(max_length=100, help_text="Where it will be used, as in “Shop” or “CRM sync”.")
    access = forms.ChoiceField(
        choices=[("limited", "Only what I choose below"), ("all", "Everything in this workspace")],
        widget=forms.RadioSelect,
        initial="limited",
    )
    LEVELS = [("", "No access"), ("read", "Read"), ("write", "Read and change")]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for resource in RESOURCES:
            self.fields[resource.name] = forms.ChoiceField(label=resource.label, required=False, choices=self.LEVELS)

    def resources(self) -> list[tuple[Resource, BoundField]]:
        """Return each resource with its field, for the page's table."""
        return [(resource, self[resource.name]) for resource in RESOURCES]

    def clean(self) -> dict[str, Any]:
        """Gather the scopes."""
        cleaned: dict[str, Any] = super().clean() or {}
        names = (resource.name for resource in RESOURCES)
        cleaned["scopes"] = [f"{name}:{cleaned[name]}" for name in names if cleaned.get(name)]
        if cleaned.get("access") == "all":
            cleaned["scopes"] = []
        elif not cleaned["scopes"]:
            self.add_error("access", "Choose at least one below, or everything.")
        return cleaned


class AuditFilterForm(forms.Form):
    """Who, what and when."""

    actor = forms.ChoiceField(label="Who", required=False)
    table = forms.ChoiceField(label="What", required=False)
    action = forms.ChoiceField(label="Change", required=False, choices=[("", "Any change"), *AuditEntry.Action.choices])
    since = forms.DateField(label="From", required=False, widget=DateLocal)
    until = forms.DateField(label="To", required=False, widget=DateLocal)

    def __init__(self, *args: Any, actors: list[tuple[str, str]], tables: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["actor"].choices = [("", "Anybody"), *actors]  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["table"].choices = [("", "Anything"), *tables]  # type: ignore[attr-defined]  # as above
