"""Merge fields as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.templatetags import merge


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Hello {{ firstName }}!", "Hello ‹First name›!"),
        ('Hello {{firstName|default:"there"}}', "Hello ‹First name›"),
        ("{{- workspace.company -}}", "‹Workspace company›"),
        ("{{ unsubscribeUrl }}", "‹Unsubscribe URL›"),
        ("{{ favourite_tea }}", "‹Favourite tea›"),
        ('{{ "plain" | upcase }} words', "plain words"),
        ("{% if company %}For {{ company }}{% else %}For you{% endif %}", "‹if company›For ‹Company›‹else›For you"),
        ("{{ firstName ", "{{ firstName "),
        ("no field at all", "no field at all"),
        ("", ""),
        (None, ""),
    ],
)
def test_fields_are_named_as_people_name_them(written: str | None, read: str) -> None:
    assert merge.plain_fields(written) == read


def test_a_chip_tells_its_liquid_in_the_tooltip() -> None:
    html = merge.merge_fields('Hi {{ firstName | default: "you" }}')
    assert html == ('Hi <span class="merge-field" title="{{ firstName | default: &quot;you&quot; }}">First name</span>')


def test_markup_in_a_subject_is_text() -> None:
    assert "<script>" not in merge.merge_fields("<script>{{ '<script>' }}{{ <script> }}")


@given(st.text(alphabet="{}% <>'\"ab|.\n", max_size=60))
def test_any_text_can_be_shown(value: str) -> None:
    assert "<script" not in merge.merge_fields(value)
    assert isinstance(merge.plain_fields(value), str)


@given(st.text(alphabet="abc <>&é\n", max_size=60))
def test_a_text_without_liquid_stays_as_it_is(value: str) -> None:
    assert merge.plain_fields(value) == value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Hello {{ firstName }}", "Hello ‹First name›"),
        ("{% if company != blank %}{{ company }}{% else %}A question{% endif %}, again", "‹Company›, again"),
        ("{% if a %}{% if b %}B{% else %}no b{% endif %}A{% elsif c %}C{% endif %}!", "BA!"),
        ("{% case plan %} {% when 'pro' %}Pro{% when 'x' %}X{% endcase %} news", "Pro news"),
        ("{% if a %}{% else %}Else{% endif %}", "‹if a›‹else›Else"),
        ("{% if a %}Open", "‹if a›Open"),
        ("{% else %}Stray {% endif %}", "‹else›Stray"),
        ("", ""),
    ],
)
def test_the_gist_has_the_first_way_of_each_choice(written: str, read: str) -> None:
    assert merge.gist(written) == read


@given(st.text(alphabet="{}% <>'\"ab|.\nifelsndw", max_size=80))
def test_any_text_has_a_gist(value: str) -> None:
    assert bool(merge.gist(value).strip()) == bool(merge.plain_fields(value).strip())
