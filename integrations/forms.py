from django import forms

from integrations.models import EventSource


class SourceForm(forms.ModelForm):
    """Where in a webhook the parts of an event stand."""

    class Meta:
        model = EventSource
        fields = ["name", "event_path", "prefix", "email_path", "properties_path", "is_active"]
