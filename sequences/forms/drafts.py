"""A draft's steps as one document in the admin."""

import json
from typing import Any, ClassVar

from django import forms

from sequences import selectors, services
from sequences.exceptions import SequenceError, StepError
from sequences.models import Version


class DraftForm(forms.ModelForm):
    """All steps of a draft as one document, and the revision that the page was made from."""

    document = forms.JSONField(
        label="steps",
        required=False,
        widget=forms.Textarea({"rows": 30, "class": "vLargeTextField", "spellcheck": "false"}),
        help_text="As the reference of sequences has them: a list of steps, lanes within. The builder can undo it.",
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Version
        fields: ClassVar[list[str]] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "document" in self.fields:  # not for who may only look
            self.initial["document"] = selectors.document_of(selectors.steps_of(self.instance))
            self.initial["seen"] = self.instance.revision
            self.fields["document"].encoder = _Indented  # type: ignore[attr-defined]  # a JSONField

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "document" in cleaned:
            cleaned["document"] = cleaned["document"] or []
            try:
                services.check_document(self.instance.sequence, steps=cleaned["document"], revision=cleaned.get("seen"))
            except (SequenceError, StepError) as error:
                self.add_error("document", error.message)
        return cleaned


class _Indented(json.JSONEncoder):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "indent": 2, "ensure_ascii": False})
