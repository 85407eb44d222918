"""Every fault is reported at its line and column in what the author wrote."""

import pytest

from templates_lib.rendering import TemplateError, compile_email, lint_email


def problems(source, format_="mjml", **parts):
    with pytest.raises(TemplateError) as caught:
        compile_email(format=format_, subject=parts.pop("subject", "s"), source=source, **parts)
    return [(problem.line, problem.column, problem.message) for problem in caught.value.problems]


def mjml(body):
    return f"<mjml>\n<mj-body>\n{body}\n</mj-body>\n</mjml>"


def column(content):
    return mjml(f"<mj-section><mj-column>\n{content}\n</mj-column></mj-section>")


@pytest.mark.parametrize(
    ("source", "line", "at", "message"),
    [
        ("Hi {{ name", 1, 4, "“{{” is never closed"),
        ("a\n{% if x", 2, 1, "“{%” is never closed"),
        ("a\n  {% if x %}b", 2, 3, "{% if %} is never closed by {% endif %}"),
        ("a\n{% endif %}", 2, 1, "closes nothing"),
        ("{% if a %}\n{% for i in l %}\n{% endif %}", 3, 1, "where {% endfor %} is expected"),
        ("{% else %}", 1, 1, "outside its block"),
        ("a\nb {{ x | nofilter }}", 2, 10, "no filter “nofilter”"),
        ("a\nb {{ x | }}", 2, 6, ""),
        ("a\n{{ }}", 2, 3, ""),
        ("a\n{% nothing %}", 2, 4, "no tag “nothing”"),
        ("a\n{% %}", 2, 1, "has no name"),
        ("{% raw %} {{ x }}", 1, 1, "never closed by {% endraw %}"),
        ("\n{% comment %}", 2, 1, "never closed by {% endcomment %}"),
        ("", 1, 1, "empty"),
    ],
)
def test_faults_in_liquid(source, line, at, message):
    found = problems(source, "text")[0]
    assert found[:2] == (line, at)
    assert message in found[2]


@pytest.mark.parametrize(
    ("source", "line", "at", "message"),
    [
        ("hello", 1, 1, "Text can't stand outside <mjml>"),
        ("<p>hello</p>", 1, 1, "one outermost element, <mjml>"),
        (mjml("<mj-section><mj-column>"), 3, 13, "<mj-column> is not closed before </mj-body> on line 4"),
        (mjml("</mj-section>"), 3, 1, "closes nothing"),
        (mjml("<mj-text>x</mj-text>"), 3, 1, "<mj-text> can't stand in <mj-body>, only in <mj-column> or <mj-hero>"),
        (mjml("<mj-sectoin></mj-sectoin>"), 3, 1, "did you mean <mj-section>?"),
        (column("loose {{ text }}"), 4, 1, "put it into <mj-text>"),
        (column("{{ a }} loose"), 4, 9, "put it into <mj-text>"),
        (column("<mj-text>never closed"), 4, 1, "<mj-text> is never closed by </mj-text>"),
        (column("<mj-text><b {{ x }}>b</b></mj-text>"), 4, 13, "between the attributes of <b>"),
        (column("<mj-text><!-- x</mj-text>"), 4, 10, "comment is never closed"),
        (column("<mj-image src=x />"), 4, 11, "needs a value in quotes"),
        (column('<mj-image src="x" src="y" />'), 4, 19, "given twice"),
        (column('<mj-image\n  {{ x }} src="x" />'), 5, 3, "Liquid can't stand between the attributes"),
        (column('<mj-image src="x" width="{{ w }}" />'), 4, 26, "“width” of <mj-image>"),
        (column("<b>x</b>"), 4, 1, "belongs into <mj-text>"),
        (mjml("<mj-include path='/etc/passwd' />"), 3, 1, "can't include files"),
        (
            "<mjml><mj-head>{% if a %}</mj-head><mj-body></mj-body></mjml>{% endif %}",
            1,
            16,
            "can stand directly in <mj-head>",
        ),
        (mjml("<mj-section"), 3, 1, "<mj-section is never closed by “>”"),
    ],
)
def test_faults_in_mjml(source, line, at, message):
    found = problems(source)
    assert any((at_line, at_column) == (line, at) and message in text for at_line, at_column, text in found), found


def test_faults_of_all_parts_are_reported_together():
    with pytest.raises(TemplateError) as caught:
        compile_email(
            format="html", subject="{{ a", preheader="{% b %}", source="<p>{{ x | y }}</p>", text_source="{% if %}"
        )
    assert [problem.part for problem in caught.value.problems] == ["subject", "preheader", "source", "text_source"]
    assert caught.value.fields["source"] == ["line 1, column 11: There is no filter “y”."]


def test_many_faults_in_mjml_are_reported_together():
    found = problems(mjml("<mj-text>a</mj-text>\n<mj-foo/>\nloose"))
    assert [line for line, _, _ in found] == [3, 4, 5]


def test_liquid_that_a_browser_would_move_is_reported():
    found = problems("<table>\n<tr><td>{{ y }}</td></tr>\n<div>{{ x }}</div></table>", "html")
    assert found == [(2, 9, "The HTML around this tag isn't balanced, so mail programs would move it.")]


def test_nesting_too_many_components_is_refused():
    found = problems("<mjml><mj-body>" + "<mj-wrapper>" * 500 + "</mj-wrapper>" * 500 + "</mj-body></mjml>")
    assert any("nested more than" in message for _, _, message in found)


def codes(source, format_="mjml", known=None, **parts):
    compiled = compile_email(format=format_, subject=parts.pop("subject", "Hello"), source=source, **parts)
    return [(problem.code, problem.line, problem.column) for problem in lint_email(compiled, known_fields=known)]


FOOTER = '<a href="{{ unsubscribeUrl }}">u</a>{{ workspace.address }}'


def test_a_good_mail_has_no_warnings():
    assert codes(column(f"<mj-text>{{{{ firstName }}}} {FOOTER}</mj-text>"), known=["firstName"]) == []
    assert codes(f"<p>x</p>{FOOTER}", "html") == []


def test_warnings_say_where():
    source = column(
        f'<mj-image src="x" colour="red" />\n<mj-text>\n<a href="#">x</a> {{{{ fristName }}}} {FOOTER}</mj-text>'
    )
    assert codes(source, known=["firstName"]) == [
        ("image-without-alt", 4, 1),
        ("unknown-attribute", 4, 19),
        ("link-empty", 6, 4),
        ("unknown-field", 6, 22),
    ]


def test_a_mail_without_footer_is_warned_about():
    assert codes("hello", "text") == [("no-unsubscribe-link", 1, 1), ("no-postal-address", 1, 1)]


def test_what_mail_programs_mind_is_warned_about():
    long = "x" * 61
    source = f'<script>x</script><div><a href="www.example.com">a</a><a href="javascript:x">b</a>{FOOTER}'
    assert codes(source, "html", subject=long, preheader="y" * 131) == [
        ("subject-long", 1, 1),
        ("preheader-long", 1, 1),
        ("unsupported-element", 1, 1),
        ("unbalanced-html", 1, 19),
        ("link-relative", 1, 27),
        ("link-unsafe", 1, 58),
    ]
    assert ("too-large", 1, 1) in codes("<p>" + "word " * 25_000 + FOOTER, "html")
    assert ("subject-empty", 1, 1) in codes("<p>x</p>", "html", subject=" ")
