from django import forms

from contacts.models import TrackingMode

_CHOICES = [
    (TrackingMode.INDIVIDUAL.value, "Yes: see which mail I open and which links I follow"),
    (TrackingMode.AGGREGATE.value, "Only count: nobody sees that it was me"),
    (TrackingMode.OFF.value, "No: don't count my opens and clicks at all"),
]


class PreferencesForm(forms.Form):
    """What a recipient may choose."""

    tracking = forms.ChoiceField(
        label="May we learn from your opens and clicks?", choices=_CHOICES, widget=forms.RadioSelect
    )
