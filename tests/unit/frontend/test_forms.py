"""Plain Django forms in Tabler's clothes."""

from django import forms
from django.contrib.admin.widgets import AdminSplitDateTime

from frontend.forms import CodeEditor, DateTimeLocal, Switch


class Sample(forms.Form):
    name = forms.CharField(help_text="Only your team sees it.", widget=forms.TextInput(attrs={"class": "wide"}))
    note = forms.CharField(required=False)
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    goal = forms.ChoiceField(choices=[("a", "A")])
    track = forms.BooleanField(widget=Switch, required=False)
    secret = forms.CharField(widget=forms.HiddenInput, required=False)

    def clean(self):
        raise forms.ValidationError("Not today.")


def test_widgets_get_their_class_and_keep_their_own():
    html = str(Sample()["name"])
    assert 'class="wide form-control"' in html
    assert 'class="form-select"' in str(Sample()["goal"])


def test_help_and_errors_are_linked_to_the_control():
    form = Sample({"name": ""})
    html = form["name"].as_field_group()
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert "is-invalid" in html


def test_optional_fields_say_so_and_required_ones_do_not():
    assert "optional" in Sample()["note"].as_field_group()
    assert "optional" not in Sample()["name"].as_field_group()
    assert "optional" not in Sample()["track"].as_field_group()


def test_a_group_of_options_is_a_fieldset_with_a_legend():
    html = Sample()["kind"].as_field_group()
    assert "<fieldset" in html
    assert ">Kind</legend>" in html
    assert html.count('class="form-check-input"') == 2


def test_a_switch_has_its_label_behind_it():
    html = Sample()["track"].as_field_group()
    assert "form-switch" in html
    assert html.count("Track") == 1


def test_the_summary_names_every_fault_once_and_links_its_field():
    html = str(Sample({"name": "", "kind": "z", "goal": "a"}))
    assert "3 things to fix" in html
    assert '<a class="alert-link" href="#id_name">Name</a>' in html
    assert "Not today." in html
    assert html.count("data-error-summary") == 1


def test_hidden_fields_are_rendered_without_classes():
    assert '<input type="hidden" name="secret" id="id_secret">' in str(Sample())


def test_admin_widgets_keep_the_classes_their_scripts_look_for():
    class Admin(forms.Form):
        at = forms.SplitDateTimeField(widget=AdminSplitDateTime)

    html = str(Admin()["at"])
    assert "vDateField" in html
    assert "form-control" not in html


def test_the_editor_is_a_textarea_that_names_its_data():
    html = CodeEditor(mode="mjml", completions="fields", lint="problems").render("source", "<mjml>")
    assert 'data-code-editor="mjml"' in html
    assert 'data-completions="fields"' in html
    assert "&lt;mjml&gt;" in html


def test_local_times_are_written_as_the_browsers_picker_wants_them():
    assert 'type="datetime-local"' in DateTimeLocal().render("at", None)
