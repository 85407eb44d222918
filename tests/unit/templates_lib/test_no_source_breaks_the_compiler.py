"""Whatever the source, it is compiled or refused with a place that exists; nothing else comes out."""

from hypothesis import given, settings
from hypothesis import strategies as st

from templates_lib.rendering import RenderError, TemplateError, compile_email, lint_email

PIECES = [
    "<mjml>", "</mjml>", "<mj-head>", "</mj-head>", "<mj-body>", "</mj-body>", "<mj-section>", "</mj-section>", "<mj-column>",
    "</mj-column>", "<mj-text>", "</mj-text>", "<mj-raw>", "</mj-raw>", "<mj-wrapper>", "</mj-wrapper>", "<mj-style>",
    "</mj-style>", '<mj-image src="{{ a }}" alt="" />', '<mj-button href="{{ b }}">', "</mj-button>", "<mj-table>", "</mj-table>",
    "<mj-attributes>", "</mj-attributes>", '<mj-all color="{{ c }}" />', "<table>", "</table>", "<tr>", "</tr>", "<td>", "</td>",
    "<p>", "</p>", "<b>", "</b>", "<br>", "<div style='color: {{ c }}'>", "</div>", '<a href="https://x.example/{{ a }}">', "</a>",
    "<style>.x { color: red } @media print { .x { color: blue } }</style>", "<style>{% if a %}.x{}{% endif %}</style>",
    "<!--", "-->", "<!--[if mso]>", "<![endif]-->", "<![if !mso]>", "<![endif]>", "<!doctype html>", "<html>", "<body>", "</body>",
    "</html>", "<script>", "</script>", "<title>", "</title>", "<textarea>", "<svg>", "</svg>", "<template>", "<select>",
    "{{ a }}", "{{ b | upcase }}", "{% if a %}", "{% else %}", "{% endif %}", "{% for i in l %}", "{{ i }}", "{% endfor %}",
    "{% assign z = a %}", "{% capture y %}", "{% endcapture %}", "{% raw %}", "{% endraw %}", "{% comment %}", "{% endcomment %}",
    "text", " ", "\n", "&amp;", "&", "<", ">", '"', "'", "=", "/", "zq0z", "zq0c", "é", "\u200b", "{", "}", "%", "<a b=c {{ a }}>",
]  # fmt: skip
CONTEXT = {"a": "<A>", "b": "https://b.example", "c": "red", "l": ["1", "2"]}


def complete(body: str) -> str:
    return f"<mjml><mj-body><mj-section><mj-column>{body}</mj-column></mj-section></mj-body></mjml>"


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.sampled_from(["mjml", "html", "text", "column"]))
def test_a_source_is_compiled_or_refused_with_its_place(source, format_):
    if format_ == "column":
        source, format_ = complete(f"<mj-text>{source}</mj-text>"), "mjml"
    try:
        compiled = compile_email(format=format_, subject="s", source=source)
        lint_email(compiled, known_fields=["a"])
        mail = compiled.render(
            CONTEXT, link=lambda index, url: f"https://t.example/{index}", pixel_url="https://t.example/o"
        )
    except (TemplateError, RenderError) as error:
        problems = error.problems if isinstance(error, TemplateError) else [error.problem]
        lines = source.split("\n")
        for problem in problems:
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
    else:
        assert "tracked_link" not in mail.html + mail.text
        assert "tracking_pixel" not in mail.html
