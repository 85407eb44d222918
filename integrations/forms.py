from django import forms

from integrations.models import EventSource, WebhookEndpoint, WebhookEvent


class SourceForm(forms.ModelForm):
    """Where in a webhook the parts of an event stand."""

    class Meta:
        model = EventSource
        fields = ["name", "event_path", "prefix", "email_path", "properties_path", "is_active"]


class WebhookForm(forms.ModelForm):
    """Where a webhook goes, and what it is told of."""

    events = forms.MultipleChoiceField(
        choices=WebhookEvent.choices,
        label="It is told when",
        widget=forms.CheckboxSelectMultiple,
        initial=list(WebhookEvent.values),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["url", "events", "is_active"]
        labels = {"is_active": "On"}
