"""What people send to the library's pages."""

from typing import Any

from django import forms

from frontend.forms import CodeEditor
from team.models import Workspace
from templates_lib import selectors
from templates_lib.content import Content
from templates_lib.models import Category, Format, Template, TemplateVersion

BLANK_SOURCES = {
    Format.MJML: """<mjml lang="en">
  <mj-head>
    <mj-attributes>
      <mj-all font-family="Helvetica, Arial, sans-serif" />
      <mj-text font-size="16px" line-height="1.6" color="#1f2937" />
    </mj-attributes>
  </mj-head>
  <mj-body background-color="#ffffff">
    <mj-section>
      <mj-column>
        <mj-text>Hello {{ firstName | default: "there" }},</mj-text>
        <mj-text>write your mail here.</mj-text>
      </mj-column>
    </mj-section>
    <mj-section>
      <mj-column>
        <mj-text font-size="13px" color="#6b7280">{{ workspace.company | default: workspace.name }}<br>{{ workspace.address | newline_to_br }}<br><a href="{{ unsubscribeUrl }}">Unsubscribe</a></mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
""",
    Format.HTML: """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <style>
      body { margin: 0; padding: 24px; font-family: Helvetica, Arial, sans-serif; line-height: 1.6; color: #1f2937; }
      .footer { margin-top: 32px; font-size: 13px; color: #6b7280; }
    </style>
  </head>
  <body>
    <p>Hello {{ firstName | default: "there" }},</p>
    <p>write your mail here.</p>
    <p class="footer">{{ workspace.company | default: workspace.name }}<br>{{ workspace.address | newline_to_br }}<br>
      <a href="{{ unsubscribeUrl }}">Unsubscribe</a></p>
  </body>
</html>
""",
    Format.TEXT: """Hello {{ firstName | default: "there" }},

write your mail here.

--
{{ workspace.company | default: workspace.name }}
{{ workspace.address }}
Unsubscribe: {{ unsubscribeUrl }}
""",
}


class ContentForm(forms.Form):
    """The editor: what is saved as a version, or only previewed."""

    base_number = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput)
    format = forms.ChoiceField(choices=Format.choices, widget=forms.HiddenInput)
    subject = forms.CharField(required=False, strip=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    preheader = forms.CharField(
        required=False,
        strip=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Shown after the subject in the inbox"}),
    )
    source = forms.CharField(required=False, strip=False)
    text_source = forms.CharField(required=False, strip=False, label="Plain text part")
    note = forms.CharField(
        required=False, max_length=200, widget=forms.TextInput(attrs={"placeholder": "What changed? (optional)"})
    )

    def __init__(self, *args: Any, format: str = "", **kwargs: Any) -> None:  # noqa: A002
        super().__init__(*args, **kwargs)
        mode = format or str(self.data.get("format", "")) or Format.MJML
        self.fields["source"].widget = CodeEditor(
            {"class": "font-monospace", "data-editor-class": "code-editor-fill"},
            mode=mode if mode in Format.values else Format.MJML,  # type: ignore[arg-type]
            completions="merge-fields",
            lint="lint-source",
            rows=24,
        )
        self.fields["text_source"].widget = CodeEditor(
            {"data-editor-class": "code-editor-fill"},
            mode="text",
            completions="merge-fields",
            lint="lint-text_source",
            rows=24,
        )

    @property
    def content(self) -> Content:
        """The content as it was sent; line ends as browsers send them become plain ones."""
        values = {
            name: str(self.cleaned_data.get(name, "")).replace("\r\n", "\n")
            for name in ("format", "subject", "source", "preheader", "text_source")
        }
        return Content(**values)

    @classmethod
    def of(cls, version: TemplateVersion) -> "ContentForm":
        """Return the form filled with a version."""
        names = ("format", "subject", "preheader", "source", "text_source")
        initial = {name: getattr(version, name) for name in names} | {"base_number": version.number}
        return cls(initial=initial, format=version.format)


class DetailsForm(forms.Form):
    """A template's name, category and description."""

    name = forms.CharField(max_length=120)
    category = forms.ModelChoiceField(queryset=Category.objects.none(), required=False, empty_label="No category")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, workspace: Workspace, template: Template | None = None, **kwargs: Any) -> None:
        if template is not None:
            kwargs.setdefault("initial", {}).update(
                name=template.name, category=template.category_id, description=template.description
            )
        super().__init__(*args, **kwargs)
        categories = self.fields["category"]
        assert isinstance(categories, forms.ModelChoiceField)  # noqa: S101
        categories.queryset = selectors.categories_in(workspace)


class NewTemplateForm(forms.Form):
    """A template from nothing: its name and the language of its source."""

    name = forms.CharField(max_length=120, widget=forms.TextInput(attrs={"placeholder": "Spring newsletter"}))
    format = forms.ChoiceField(choices=Format.choices, initial=Format.MJML, widget=forms.RadioSelect)


class ImportForm(forms.Form):
    """A file that holds a template."""

    file = forms.FileField(
        label="Template file",
        help_text="A .json file exported here, or a .mjml, .html or .txt file in UTF-8.",
        widget=forms.FileInput(attrs={"accept": ".json,.mjml,.html,.htm,.txt"}),
    )


class CategoryForm(forms.Form):
    """A category's name."""

    name = forms.CharField(max_length=80)


class ImagesInput(forms.FileInput):
    """Takes several images at once."""

    allow_multiple_selected = True


class ImagesField(forms.FileField):
    """A list of files, at least one."""

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        chosen = data if isinstance(data, list) else [data]
        return [super(ImagesField, self).clean(file, initial) for file in chosen or [None]]


class UploadForm(forms.Form):
    """Images."""

    file = ImagesField(
        label="Images",
        help_text="PNG, JPEG, GIF or WebP, at most 5 MB each.",
        widget=ImagesInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp", "multiple": True}),
    )


class PreviewForm(forms.Form):
    """As whom to preview."""

    contact = forms.IntegerField(required=False, min_value=1)
    locale = forms.CharField(required=False, max_length=35)
