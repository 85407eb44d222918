"""Components and what they refuse."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory

from frontend.charts import Chart, Series
from frontend.pagination import Page
from frontend.vendor import icon_names

MAIL_FOLDERS = {"mail", "mails", "email", "starters"}  # mail readers know no other styles than inline ones
TEMPLATES = Path(settings.BASE_DIR) / "frontend" / "templates"


def render(source: str, **context) -> str:
    return Template("{% load ui formats %}" + source).render(Context(context))


def test_an_icon_is_hidden_from_screen_readers_unless_it_has_a_meaning():
    assert 'aria-hidden="true"' in render('{% icon "send" %}')
    assert 'role="img" aria-label="Sent"' in render('{% icon "send" label="Sent" %}')


def test_an_unknown_icon_says_where_to_add_it():
    with pytest.raises(TemplateSyntaxError, match=r"icons\.txt"):
        render('{% icon "no-such-icon" %}')


def test_every_icon_named_in_a_template_is_in_the_sprite():
    used = {
        name
        for path in TEMPLATES.rglob("*.html")
        for name in re.findall(r"""(?:\{% icon |\bicon=)"([a-z0-9-]+)\"""", path.read_text())
    }
    assert used - set(icon_names()) == set()


def test_the_icons_are_sorted_and_named_once():
    assert icon_names() == sorted(set(icon_names()))


def test_a_state_is_always_a_word_beside_its_colour():
    html = render('{% pill "awaiting_approval" %}')
    assert "Awaiting approval" in html
    assert "pill-purple" in html
    assert "pill-dot-live" in render('{% pill "running" %}')
    assert "pill-mute" in render('{% pill "something-new" %}')


def test_content_is_escaped_everywhere():
    evil = "<script>alert(1)</script>"
    for source in (
        "{% pill evil %}",
        "{% avatar evil %}",
        '{% datum "X" evil %}',
        "{% stat evil evil note=evil %}",
        "{% empty title=evil text=evil action=evil href=evil %}",
        "{% code_block evil %}",
        "{% alert title=evil %}{{ evil }}{% endalert %}",
        "{% crumb evil evil %}",
        "{% moment title=evil %}{{ evil }}{% endmoment %}",
    ):
        assert "<script>" not in render(source, evil=evil), source


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Ada Lovelace", ">AL<"), ("grace@example.com", ">G<"), ("Plato", ">P<"), ("", ">?<"), ("李小龙", ">李<")],
)
def test_an_avatar_shows_initials(name, initials):
    assert initials in render("{% avatar name %}", name=name)


def test_a_sort_header_turns_its_direction_and_keeps_the_filters(rf: RequestFactory):
    request = rf.get("/contacts/", {"q": "ada", "sort": "name", "cursor": "abc"})
    html = render('{% sort_header "Name" "name" target="#table" %}', request=request)
    assert 'aria-sort="ascending"' in html
    assert 'href="/contacts/?q=ada&amp;sort=-name"' in html


def test_show_more_keeps_the_filters_and_is_gone_on_the_last_page(rf: RequestFactory):
    request = rf.get("/contacts/", {"q": "ada"})
    html = render('{% load_more page target="#rows" %}', request=request, page=Page([1], "next"))
    assert "?q=ada&amp;cursor=next" in html
    assert "<a" not in render('{% load_more page target="#rows" %}', request=request, page=Page([1]))


def test_a_chart_without_numbers_says_so_instead_of_drawing_nothing():
    html = render('{% chart "c" data label="Sends" %}', data=Chart("line", ["Mon"], [Series("Sent", [None])]))
    assert "Nothing to draw yet" in html
    assert "canvas" not in html


def test_a_chart_carries_the_same_numbers_as_a_table():
    data = Chart("bar", ["Mon", "Tue"], [Series("Sent", [1200, None])])
    html = render('{% chart "c" data label="Sends" %}', data=data)
    assert "1,200" in html
    assert "—" in html


def test_progress_without_a_total_claims_no_share():
    html = render('{% progress 12 None label="Counting" %}')
    assert "value=" not in html
    assert "100%" in render('{% progress 12 12 label="Counting" %}')


@pytest.mark.parametrize(
    "pattern", [r"<script(?![^>]*\bsrc=)(?![^>]*nonce)[^>]*>", r"\sstyle=", r"\son[a-z]+=", r"hx-on"]
)
def test_no_template_breaks_the_content_security_policy(pattern):
    broken = [
        path.relative_to(TEMPLATES)
        for path in TEMPLATES.rglob("*.html")
        if path.parent.name not in MAIL_FOLDERS
        and re.search(pattern, re.sub(r"\{%.*?%\}|\{#.*?#\}", "", path.read_text(), flags=re.DOTALL))
    ]
    assert broken == []


def test_our_modules_import_each_other_by_the_import_map_and_not_by_path():
    scripts = Path(settings.BASE_DIR) / "frontend" / "static_src" / "js"
    relative = [
        path.name
        for path in scripts.glob("*.js")
        if re.search(r"""(from|import)\s*\(?["']\.{1,2}/""", path.read_text())
    ]
    assert relative == []
