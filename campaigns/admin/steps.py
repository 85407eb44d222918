"""The steps of a campaign as an inline: they hang from the draft of its sequence, and are saved by its service."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.checks import InlineModelAdminChecks
from django.db.models import F, QuerySet
from django.forms.models import BaseModelFormSet, modelformset_factory
from django.http import HttpRequest

from campaigns.models import Campaign, Kind, Status
from sequences import selectors as sequences
from sequences.models import Step, StepKind
from templates_lib.models import TemplateVersion

PLAIN = (StepKind.EMAIL, StepKind.WAIT)


class VersionField(forms.ModelChoiceField):
    """A template's version, told by the template's name."""

    def label_from_instance(self, obj: TemplateVersion) -> str:
        return f"{obj.template.name}, version {obj.number}"


class StepForm(forms.ModelForm):
    """One step; the key says which one it was before."""

    template_version = VersionField(
        TemplateVersion.objects.select_related("template"), required=False, label="template"
    )

    class Meta:
        model = Step
        fields = [
            "position",
            "kind",
            "wait",
            "template_version",
            "subject",
            "preheader",
            "format",
            "source",
            "text_source",
        ]
        widgets = {
            "position": forms.NumberInput(attrs={"min": 0, "size": 3, "class": "step-position"}),
            "subject": forms.TextInput(attrs={"size": 90}),
            "preheader": forms.TextInput(attrs={"size": 90}),
            "source": forms.Textarea(attrs={"rows": 6, "cols": 90, "spellcheck": "false"}),
            "text_source": forms.Textarea(attrs={"rows": 3, "cols": 90}),
        }
        labels = {"position": "order"}
        help_texts = {
            "wait": "For a wait: days and time, as “3 00:00:00” for three days; counted from the email’s acceptance."
        }

    def __init__(self, *args: Any, campaign: Campaign | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["position"].required = False
        field = self.fields.get("template_version")
        if isinstance(field, forms.ModelChoiceField) and campaign is not None and campaign.pk:
            field.queryset = self._versions(campaign)
        kind = self.fields.get("kind")
        if isinstance(kind, forms.ChoiceField):
            kind.choices = [(value, label) for value, label in StepKind.choices if value in PLAIN]

    def _versions(self, campaign: Campaign) -> QuerySet[TemplateVersion]:
        """The current version of each template of the workspace, and the one that is used already."""
        versions = TemplateVersion.objects.filter(template__workspace=campaign.workspace_id).select_related("template")
        current = versions.filter(template__current_version=F("pk"), template__archived_at=None)
        used = versions.filter(pk=self.instance.template_version_id or 0)
        return (current | used).order_by("template__name", "-number")

    def clean(self) -> dict[str, Any]:
        """A wait waits; the rest is the check's business."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("kind") == StepKind.WAIT and not cleaned.get("wait") and not self.errors.get("wait"):
            self.add_error("wait", "How long?")
        return cleaned

    def as_step(self) -> dict[str, Any]:
        """Return what the campaign's service takes."""
        names = ["wait"] if self.cleaned_data["kind"] == StepKind.WAIT else self.Meta.fields[3:]
        step = {name: self.cleaned_data[name] for name in names}
        return {**step, "kind": self.cleaned_data["kind"], "key": self.instance.key}


class StepFormSet(BaseModelFormSet):
    """All steps of one campaign, in their order."""

    instance: Campaign | None

    def __init__(self, *args: Any, instance: Campaign | None = None, save_as_new: bool = False, **kwargs: Any) -> None:
        self.instance = instance
        self.new_objects: list[Step] = []
        self.changed_objects: list[tuple[Step, list[str]]] = []
        self.deleted_objects: list[Step] = []
        version = sequences.shown_version(instance.sequence) if instance and instance.pk else None
        kwargs["queryset"] = sequences.steps_of(version) if version else Step.objects.none()
        super().__init__(*args, **kwargs)

    @classmethod
    def get_default_prefix(cls) -> str:
        return "steps"

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "campaign": self.instance}

    def validate_unique(self) -> None:
        """Places and keys are given anew when the steps are saved."""

    def clean(self) -> None:
        """A broadcast is one email."""
        if any(self.errors) or self.instance is None:
            return
        kinds = [step["kind"] for step in self.steps()]
        if self.instance.kind == Kind.BROADCAST and kinds != [StepKind.EMAIL]:
            raise forms.ValidationError("A broadcast has exactly one step, an email; a drip can have more.")

    def steps(self) -> list[dict[str, Any]]:
        """Return the steps that stay, by their order field; equal numbers keep their place on the page."""
        forms_ = cast("list[StepForm]", self.forms)
        kept = [form for form in forms_ if form.has_changed() or form.instance.pk]
        kept = [form for form in kept if form.is_valid() and not form.cleaned_data.get("DELETE")]
        last = len(self.forms)

        def place(form: StepForm) -> int:
            position = form.cleaned_data.get("position")
            return last if position is None else int(position)

        return [form.as_step() for form in sorted(kept, key=place)]


class StepInlineChecks(InlineModelAdminChecks):
    """The steps have no foreign key to the campaign: the sequence lies between."""

    def _check_relation(self, obj: Any, parent_model: Any) -> list[Any]:
        return []

    def _check_exclude_of_parent_model(self, obj: Any, parent_model: Any) -> list[Any]:
        return []


class StepInline(admin.StackedInline):
    """The campaign's emails and waits."""

    model = Step
    form = StepForm
    formset = StepFormSet  # type: ignore[assignment]  # it takes a campaign as its instance
    checks_class = StepInlineChecks
    extra = 0
    verbose_name_plural = "steps"
    fieldsets = [
        (None, {"fields": ["position", "kind", "wait", "template_version", "subject", "preheader"]}),
        (
            "Content of its own, instead of a template",
            {"fields": ["format", "source", "text_source"], "classes": ["collapse"]},
        ),
    ]

    class Media:
        js = ["js/admin-steps.js"]

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        return modelformset_factory(
            Step,
            form=StepForm,
            formset=StepFormSet,
            fields=StepForm.Meta.fields,
            extra=0,
            can_delete=self.has_delete_permission(request, obj),
        )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _editable(obj) and bool(super().has_change_permission(request, obj))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _editable(obj) and bool(super().has_add_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _editable(obj) and bool(super().has_delete_permission(request, obj))


def _editable(campaign: Campaign | None) -> bool:
    """A draft whose steps are a plain list; one with branches is edited as a document, in the admin of its version."""
    if campaign is None:
        return True
    version = sequences.shown_version(campaign.sequence)
    steps = sequences.steps_of(version) if version else ()
    return campaign.status == Status.DRAFT and all(step.is_plain for step in steps)
