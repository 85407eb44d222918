"""What authors and contacts can't do with Liquid, however hard they try."""

import contextlib
import string
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import clock
from templates_lib.rendering import RenderError, TemplateError, compile_email


def text_mail(source, **context):
    return compile_email(format="text", subject="s", source=source).render(context).text


def html_mail(source, **context):
    return compile_email(format="html", subject="s", source=source).render(context).html


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..100000000) %}x{% endfor %}",
        "{{ (1..1000000000) | join }}",
        "{% if (1..1000000000) contains 'a' %}x{% endif %}",
        "{% for i in (1..300) %}{% for j in (1..300) %}{% endfor %}{% endfor %}",
        "{% for i in (1..9000) %}{% endfor %}{% for i in (1..9000) %}{% endfor %}",
        "{% assign x = 'aaaaaaaa' %}{% for i in (1..99) %}{% assign x = x | append: x %}{% endfor %}",
        "{% assign x = 'a' %}{% for i in (1..99) %}{% capture x %}{{ x }}{{ x }}{% endcapture %}{% endfor %}",
        "{% assign x = 'aaaaaaaa' %}{% for i in (1..9) %}{% assign x = x | replace: 'a', x %}{% endfor %}",
        "{% assign x = 9 %}{% for i in (1..99) %}{% assign x = x | times: x %}{% endfor %}{{ x }}",
        "{{ big | split: '' | join: big }}",
        "{% for i in (1..5000) %}{{ big }}{% endfor %}",
    ],
)
def test_endless_or_huge_templates_fail_quickly(source):
    started = time.perf_counter()
    with pytest.raises(RenderError):
        text_mail(source, big="x" * 50_000)
    assert time.perf_counter() - started < 4


@pytest.mark.parametrize("filters", ["replace: 'x', big", "append: big", "prepend: big", "split: '' | join: big"])
def test_a_filter_refuses_to_multiply_text_before_it_does(filters):
    with pytest.raises(RenderError, match="would be too long"):
        text_mail(f"{{{{ big | {filters} }}}}", big="x" * 600_000 if "pend" in filters else "x" * 9_000)


@pytest.mark.parametrize("tag", ["include 'x'", "render 'x'", "extends 'x'", "tracked_link 0", "tracking_pixel"])
def test_files_and_our_own_tags_are_out_of_reach(tag):
    with pytest.raises(TemplateError, match="There is no tag"):
        text_mail(f"{{% {tag} %}}")


@pytest.mark.parametrize("filter_", ["safe", "escapejs", "nosuch"])
def test_unknown_filters_are_refused(filter_):
    with pytest.raises(TemplateError, match="There is no filter"):
        text_mail(f"{{{{ x | {filter_} }}}}")


def test_no_attribute_of_a_python_object_can_be_read():
    source = "[{{ a.__class__ }}{{ a.upper }}{{ d.items }}{{ l.append }}{{ a['__class__'] }}{{ now }}{{ today }}]"
    assert text_mail(source, a="x", d={"k": 1}, l=[1]) == "[]"


def test_only_plain_values_may_be_given():
    with pytest.raises(RenderError, match="object can't be used"):
        text_mail("{{ a }}", a=object())


def test_undefined_fields_are_empty():
    assert text_mail("a{{ nothing }}{{ nothing.at.all }}b") == "ab"


def test_deep_nesting_is_refused():
    source = "{% if a %}" * 200 + "{% endif %}" * 200
    with pytest.raises(TemplateError, match="nesting"):
        text_mail(source)


def test_a_very_long_condition_is_refused():
    with pytest.raises(TemplateError):
        text_mail("{% if " + "a and " * 30_000 + "a %}x{% endif %}")


def test_a_source_of_ten_megabytes_is_refused_at_once():
    started = time.perf_counter()
    with pytest.raises(TemplateError, match="at most 500,000"):
        text_mail("{{ a }}" * 1_500_000)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("piece", ["{% raw %}", "{{ a", "{% comment %}", "<!--", "<a ", "{%", "{{", "<mj-text>"])
@pytest.mark.parametrize("format_", ["text", "html", "mjml"])
def test_pathological_sources_are_read_in_linear_time(piece, format_):
    started = time.perf_counter()
    with contextlib.suppress(TemplateError):
        compile_email(format=format_, subject="s", source=piece * (400_000 // len(piece)))
    assert time.perf_counter() - started < 8


@pytest.mark.parametrize("bad", ["\x00", "\x07", "\ud800", "\ue000"])
def test_characters_that_no_mail_can_hold_are_refused_with_their_place(bad):
    with pytest.raises(TemplateError) as caught:
        text_mail(f"good\nbad {bad}")
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (2, 5)


@given(st.text(max_size=60))
def test_a_value_never_brings_markup_into_html(value):
    html = html_mail("<p>[{{ v }}]</p>", v="<" + value)
    body = html.partition("[")[2].rpartition("]")[0]
    assert "<" not in body
    assert ">" not in body


FILTERS = [
    "upcase", "downcase", "capitalize", "strip", "strip_html", "strip_newlines", "newline_to_br | strip_html", "escape",
    "escape_once", "url_encode", "url_decode", "truncate: 9", "truncatewords: 2", "append: '!'", "prepend: '!'",
    "replace: 'a', 'b'", "remove: 'x'", "split: ' ' | join: '-'", "slice: 0, 5", "default: 'x'", "base64_encode",
    "base64_encode | base64_decode", "url_encode | url_decode", "date: '%d'", "date", "number", "percent",
    "split: '' | first", "split: '' | last", "split: '' | reverse | join", "squish", "lstrip", "rstrip", "append: v",
]  # fmt: skip


@given(
    st.text(alphabet=string.ascii_letters + "<>&;\"' /%=#x3clgt", max_size=40),
    st.lists(st.sampled_from(FILTERS), max_size=4),
)
def test_no_chain_of_filters_brings_markup_into_html(value, filters):
    chain = "".join(f" | {name}" for name in filters)
    try:
        html = html_mail(f"<p>[{{{{ v{chain} }}}}]</p>", v=value)
    except RenderError:
        return
    assert "<" not in html.partition("[")[2].rpartition("]")[0]


def test_raw_is_the_explicit_way_around_escaping():
    assert "<b>bold</b>" in html_mail("<p>{{ v | raw }}</p>", v="<b>bold</b>")


@given(st.text(max_size=80))
def test_a_subject_and_preheader_are_always_one_line(value):
    compiled = compile_email(format="html", subject="A {{ v }}\nB", preheader="{{ v }}\r\nX", source="<p>x</p>")
    mail = compiled.render({"v": f"a\r\nBcc: x@example.com{value}\n"})
    for line in (mail.subject, mail.preheader):
        assert len(line.splitlines()) == 1
        assert not set(line) & {"\r", "\n", "\x00", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"}


def test_a_link_whose_data_holds_a_script_leads_nowhere():
    compiled = compile_email(format="html", subject="s", source='<a href="{{ u }}">x</a><a href="x{{ u }}">y</a>')
    for url in (
        "javascript:alert(1)",
        " jAvaScript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
    ):
        html = compiled.render({"u": url}).html
        assert 'href="#"' in html
        assert 'href="j' not in html.lower()


def test_now_is_the_clock_of_the_house():
    with clock.simulated(datetime(2030, 5, 17, 23, 30, tzinfo=UTC)):
        assert text_mail("{{ 'now' | date: '%Y-%m-%d %H:%M' }}", timeZone="Asia/Tokyo") == "2030-05-18 08:30"


def test_broken_data_fails_with_the_line_of_the_author():
    with pytest.raises(RenderError, match=r"Source, line 2, column 8: .*divide by 0"):
        text_mail("Hello\n{{ 5 | divided_by: count }}", count=0)
