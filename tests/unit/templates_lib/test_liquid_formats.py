"""Dates and numbers in the recipient's locale."""

import pytest

from templates_lib.rendering import RenderError, compile_email


def render(source, **context):
    return (
        compile_email(format="text", subject="s", source=source)
        .render(context)
        .text.replace("\xa0", " ")
        .replace("\u202f", " ")
    )


@pytest.mark.parametrize(
    ("source", "locale", "expected"),
    [
        ("{{ d | date: '%-d %B %Y' }}", "de", "4 März 2025"),
        ("{{ d | date: 'long' }}", "pt-BR", "4 de março de 2025"),
        ("{{ d | date: 'long' }}", "fr", "4 mars 2025"),
        ("{{ d | date }}", "en", "Mar 4, 2025"),
        ("{{ d | date: 'EEEE' }}", "es", "martes"),
        ("{{ n | number }}", "de", "12.480,5"),
        ("{{ n | number: 2 }}", "en", "12,480.50"),
        ("{{ s | percent }}", "en", "26%"),
        ("{{ s | percent: 1 }}", "fr", "25,6 %"),
        ("{{ n | money: 'EUR' }}", "de", "12.480,50 €"),
        ("{{ n | money: 'JPY' }}", "ja", "￥12,480"),
        ("{{ n | number }}", "xx-nonsense", "12,480.5"),
        ("{{ word | date: 'long' }}", "en", "soon"),
        ("{{ word | number }}", "en", "soon"),
        ("{{ missing | date: 'long' }}", "en", ""),
        ("{{ '1700000000' | date: '%Y' }}", "en", "2023"),
    ],
)
def test_dates_and_numbers_follow_the_locale(source, locale, expected):
    assert render(source, locale=locale, d="2025-03-04", n=12480.5, s="0.256", word="soon") == expected


def test_moments_follow_the_recipients_time_zone():
    source = "{{ at | date: '%H:%M' }}"
    assert render(source, at="2025-07-01T10:00:00Z", timeZone="Europe/Madrid") == "12:00"
    assert render(source, at="2025-07-01T10:00:00Z", timeZone="No/Where") == "10:00"


def test_a_recipient_without_locale_gets_the_workspaces():
    workspace = {"locale": "de", "timeZone": "Asia/Tokyo"}
    assert render("{{ 1234.5 | number }}", workspace=workspace, locale="") == "1.234,5"
    assert render("{{ '2025-07-01T10:00:00Z' | date: '%H' }}", workspace=workspace) == "19"
    assert render("{{ 1234.5 | number }}", workspace=workspace, locale="en") == "1,234.5"


def test_a_currency_must_look_like_one():
    with pytest.raises(RenderError, match="not a currency code"):
        render("{{ 5 | money: 'dollars' }}")


def test_a_default_stands_in_for_an_empty_field():
    source = 'Hi {{ firstName | default: "there" }}!'
    assert render(source) == "Hi there!"
    assert render(source, firstName="") == "Hi there!"
    assert render(source, firstName="Ada") == "Hi Ada!"
