"""Liquid goes through MJML and CSS tools unharmed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid import Environment
from liquid.exceptions import LiquidError

from templates_lib.rendering.compiled import compile_email
from templates_lib.rendering.problems import RenderError, TemplateError
from templates_lib.rendering.scanner import FILLER, Masked, UnclosedTagError
from templates_lib.rendering.shielding import Shield

PIECES = st.sampled_from(
    [
        "{{ a }}",
        "{{ a | default: '<b>' }}",
        "{% if a < b %}",
        "{% endif %}",
        "{% raw %}{{ x }}{% endraw %}",
        "<p>",
        "</p>",
        "{% comment %} {{ {% endcomment %}",
        "text",
        "zq0z",
        "zqq",
        "<!--",
        "-->",
        '"',
        "'",
        "{{",
        "}}",
        "{%",
        "%}",
        "\n",
        "é",
        "{%- assign x = 1 -%}",
        "<a href='",
        "{% doc %}<b>{% enddoc %}",
    ]
)
SOURCES = st.lists(PIECES, max_size=12).map("".join)


@given(SOURCES)
def test_hiding_and_revealing_gives_the_source_back(source):
    try:
        masked = Masked(source)
    except UnclosedTagError:
        return
    shield = Shield(source)
    hidden = shield.hide_liquid(masked, 0, len(source))
    assert shield.reveal(hidden) == source
    pieces = [text if span is None else shield.hide_as_comment(text) for text, span in masked.segments(0, len(source))]
    assert shield.reveal("".join(pieces)) == source
    assert len(masked.text) == len(source)
    for piece, span in masked.segments(0, len(source)):
        if span is not None:
            assert piece not in hidden
            assert masked.text[span.start : span.end] == FILLER * (span.end - span.start)


@given(SOURCES, st.text(max_size=10), st.booleans())
def test_text_renders_as_python_liquid_renders_it(source, value, flag):
    context = {"a": value, "b": flag, "x": "y"}
    try:
        compiled = compile_email(format="text", subject="s", source=source)
    except TemplateError:
        return
    try:
        expected = Environment().from_string(source).render(**context)
    except LiquidError:
        with pytest.raises(RenderError):
            compiled.render(context)
    else:
        assert compiled.render(context).text == expected


MJML = "<mjml><mj-body>{body}</mj-body></mjml>"
SECTION = "<mj-section><mj-column>{}</mj-column></mj-section>"


def render(source, **context):
    return compile_email(format="mjml", subject="s", source=source).render(context).html


def test_a_bare_less_than_in_a_condition_is_no_tag():
    source = MJML.format(body="{% if a < 5 %}" + SECTION.format("<mj-text>few</mj-text>") + "{% endif %}")
    assert "few" in render(source, a=3)
    assert "few" not in render(source, a=7)


def test_liquid_stands_between_elements_on_every_level():
    body = (
        "{% if w %}<mj-wrapper>{% if s %}<mj-section>{% if c %}<mj-column>"
        "{% for p in products %}<mj-text>[{{ p }}]</mj-text>{% endfor %}"
        "</mj-column>{% endif %}</mj-section>{% endif %}</mj-wrapper>{% endif %}"
    )
    everything = {"w": True, "s": True, "c": True, "products": ["one", "two"]}
    html = render(MJML.format(body=body), **everything)
    assert "[one]" in html
    assert "[two]" in html
    for level in ("w", "s", "c"):
        html = render(MJML.format(body=body), **{**everything, level: False})
        assert "[one]" not in html
        assert html.count("<!--[if") == html.count("<![endif]-->")


def test_liquid_in_attributes_keeps_its_quotes():
    source = MJML.format(
        body=SECTION.format(
            '<mj-image src="{{ pic | default: "https://x.example/a.png" }}" alt=\'say "{{ word }}"\' />'
            '<mj-button href="https://x.example/?q={{ q | url_encode }}&amp;r=1" background-color="{{ colour }}">Go</mj-button>'
        )
    )
    html = render(source, word="<hi>", q="a b&c", colour="#123456")
    assert 'src="https://x.example/a.png"' in html
    assert 'alt="say &quot;&lt;hi&gt;&quot;"' in html
    assert 'href="https://x.example/?q=a+b%26c&amp;r=1"' in html
    assert "background:#123456" in html


def test_rows_of_a_table_can_be_repeated():
    rows = "{% for p in products %}<tr><td>{{ p }}</td></tr>{% endfor %}"
    for source, format_ in (
        (MJML.format(body=SECTION.format(f"<mj-table>{rows}</mj-table>")), "mjml"),
        (f"<table>{rows}</table>", "html"),
    ):
        html = compile_email(format=format_, subject="s", source=source).render({"products": ["one", "two"]}).html
        assert "<tbody><tr><td>one</td></tr><tr><td>two</td></tr></tbody>" in html


def test_assignments_may_come_before_everything_else():
    source = (
        '{% assign a = "one" %}{% capture b %}<i>two</i>{% endcapture %}\n<mjml><mj-head>{% assign c = 3 %}</mj-head>'
    )
    source += "<mj-body>" + SECTION.format("<mj-text>{{ a }} {{ b }} {{ c }}</mj-text>") + "</mj-body></mjml>"
    assert "one <i>two</i> 3" in render(source)


def test_raw_html_in_the_head_stays_in_the_head():
    head = '<mj-head><mj-raw><meta name="color-scheme" content="{{ scheme }}"></mj-raw></mj-head>'
    html = render(f"<mjml>{head}<mj-body></mj-body></mjml>", scheme="light dark")
    assert '<meta name="color-scheme" content="light dark">' in html.partition("</head>")[0]


def test_no_font_is_loaded_that_the_author_did_not_ask_for():
    body = SECTION.format("<mj-text>x</mj-text>")
    assert "http" not in render(MJML.format(body=body)).replace("http://www.w3.org", "").replace("http-equiv", "")
    font = '<mj-head><mj-font name="Inter" href="https://fonts.example/inter.css" /></mj-head>'
    text = '<mj-text font-family="Inter, Arial">x</mj-text>'
    assert "https://fonts.example/inter.css" in render(f"<mjml>{font}<mj-body>{SECTION.format(text)}</mj-body></mjml>")


def test_html_in_mjml_is_left_as_it_is_written():
    source = MJML.format(body=SECTION.format('<mj-text><p>a<br>b & c &nbsp;<img src="x?a=1&b=2" alt=""></mj-text>'))
    assert "<p>a<br>b &amp; c &nbsp;<img" in render(source)


def test_css_is_inlined_and_what_cannot_be_is_kept():
    source = (
        "<style>.a { color: red } a:hover { color: green } @media (prefers-color-scheme: dark) { .a { color: #fff !important } }"
        "</style><style>{% if x %}.b { color: {{ c }} }{% endif %}</style>"
        '<p class="a {{ k }}" style="margin: 0; {% if x %}width: {{ w }}px{% endif %}">Hi</p><!--[if mso]><b>{{ k }}</b><![endif]-->'
    )
    html = compile_email(format="html", subject="s", source=source).render({"x": 1, "c": "blue", "w": 5, "k": "K"}).html
    assert '<p class="a K" style="color: red;margin: 0; width: 5px">' in html
    assert "a:hover" in html
    assert "prefers-color-scheme: dark" in html
    assert "<style>.b { color: blue }</style>" in html
    assert "<!--[if mso]><b>K</b><![endif]-->" in html


def test_revealed_conditional_comments_stay_what_they_are():
    html = compile_email(format="html", subject="s", source="<p>a</p><![if !mso]><p>b</p><![endif]>").render({}).html
    assert "<![if !mso]><p>b</p><![endif]>" in html


def test_braces_written_as_entities_stay_braces():
    source = "<p title='&#123;&#123; a }}'>Write &#123;&#123; a &#125;&#125; or {<b>{</b> a }} or {</i>{{ a }}</p>"
    mail = compile_email(format="html", subject="s", source=source).render({"a": "A"})
    assert '<p title="{{ a }}">Write {{ a }} or {<b>{</b> a }} or {A</p>' in mail.html
    assert mail.text.startswith("Write {{ a }} or {")


def test_braces_never_become_a_tag_of_our_own():
    source = "<p>{</i>% tracked_link 0 %}x{</i>% endtracked_link %}</p>"
    assert "{% tracked_link 0 %}x" in compile_email(format="html", subject="s", source=source).render({}).html
