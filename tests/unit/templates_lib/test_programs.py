"""What the compiler makes of a template writes what python-liquid writes."""

import dataclasses
import sys
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from benchmarks._mail import SOURCE, SUBJECT
from templates_lib.rendering import RenderError, compile_email
from templates_lib.rendering.compiled import _HTML, _TEXT, _TEXT_OF_HTML, CompiledEmail
from templates_lib.rendering.environment import RenderState, SafeEnvironment, plain
from templates_lib.rendering.programs import Plan, RenderAgainError
from templates_lib.starters import STARTERS
from tests.unit.templates_lib import liquid_grammar as grammar

ENVIRONMENTS = {"html": _HTML, "text": _TEXT, "text of html": _TEXT_OF_HTML}


def state() -> RenderState:
    return RenderState(
        link=lambda number, url: f"https://t.example/{number}?{len(url)}&x",
        pixel_url="https://t.example/o/1",
        preheader="Hi & <bye>",
        untracked=frozenset({"https://example.com/"}),
        deadline=sys.float_info.max,
    )


def compare(source: str, context: dict[str, Any], environment: SafeEnvironment) -> None:
    """Fail unless the compiled template writes what python-liquid does, or fails or gives up where that fails."""
    try:
        template = environment.parse_safely(source)
    except LiquidError:
        assume(False)
    values = plain(context)
    program = Plan(template).program()
    try:
        expected = template.render_state(values, state())
    except Exception:  # noqa: BLE001 - python-liquid's filters raise many kinds
        with pytest.raises(Exception):  # noqa: B017 - any failure makes python-liquid render the part
            program.run(values, state())
        return
    try:
        written = program.run(values, state())
    except RenderAgainError:
        assert "when" in source, "only a choice that fits twice is left to python-liquid"
        return
    assert written == expected


@settings(max_examples=120, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(grammar.templates, grammar.contexts, st.sampled_from(list(ENVIRONMENTS)))
def test_a_compiled_template_finds_the_empty_fields_that_python_liquid_finds(
    source: str, context: dict[str, Any], kind: str
) -> None:
    try:
        template = ENVIRONMENTS[kind].parse_safely(source)
    except LiquidError:
        assume(False)
    fields = frozenset(str(name) for name in template.global_variables())
    looked_at, expected = (dataclasses.replace(state(), fields=fields, empty_fields=set()) for _ in range(2))
    try:
        text = template.render_state(plain(context), expected)
        written = Plan(template, fields).program().run(plain(context), looked_at)
    except Exception:  # noqa: BLE001 - then python-liquid is asked, or fails itself
        assume(False)
    assert (written, looked_at.empty_fields) == (text, expected.empty_fields)


@settings(max_examples=120, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(grammar.templates, grammar.contexts, st.sampled_from(list(ENVIRONMENTS)))
def test_a_compiled_template_writes_what_python_liquid_writes(source: str, context: dict[str, Any], kind: str) -> None:
    compare(source, context, ENVIRONMENTS[kind])


# What each tag is tried with; a tag that python-liquid or we add must get an entry.
TAGS = {
    "#": ["a{% # nothing %}b"],
    "assign": ["{% assign x = name | upcase %}{{ x }}{% assign x = missing %}[{{ x }}]{% assign name = 'o' %}{{ name }}"],
    "break": ["{% for i in (1..5) %}{{ i }}{% if i == 3 %}{% break %}{% endif %},{% endfor %}"],
    "capture": ["{% capture x %}<b>{{ html }}</b>\r\n{% endcapture %}{{ x }}{{ x | size }}"],
    "case": [
        "{% case n %}{% when 1 %}one{% when 2, 3 %}few{% else %}many{% endcase %}",
        "{% case n %}{% when 1, 1 %}twice{% when 2 or 'x' %}two{% else %}no{% else %}nor{% endcase %}",
        "{% case missing %}{% when nil %}nil{% when empty %}empty{% endcase %}{% case d %} x {% when d %}d{% endcase %}",
    ],
    "comment": ["a{% comment %}{{ html }}{% if %}{% endcomment %}b"],
    "continue": ["{% for i in (1..5) %}{% if i == 3 %}{% continue %}{% endif %}{{ i }}{% endfor %}"],
    "cycle": [
        "{% for i in (1..5) %}{% cycle 'a', html, n %}{% cycle name: 1, 2 %}{% cycle missing: 'p', 'q' %}{% endfor %}",
        "{% cycle missing, 1 %}{% cycle gone, 1 %}{% cycle missing, 1 %}",
    ],
    "decrement": ["{% decrement x %}{% decrement x %}{{ x }}{% decrement name %}{{ name }}"],
    "doc": ["a{% doc %}{{ html }}{% enddoc %}b"],
    "echo": ["{% echo html %}{% echo 'a<b' | upcase %}{% echo missing %}{% liquid echo %}"],
    "for": [
        "{% for i in items %}{{ forloop.index }}/{{ forloop.length }}{{ i.title }}{% else %}none{% endfor %}",
        "{% for i in items reversed limit: 2 offset: 1 %}{{ i.price }}{% endfor %}",
        "{% for i in (1..6) limit: 2 %}{{ i }}{% endfor %}{% for i in (1..6) limit: 2 offset: continue %}{{ i }}{% endfor %}",
        "{% for i in d %}{{ i[0] }}={{ i.last }};{% endfor %}{% for i in name %}{{ i }}{% endfor %}{% for i in none %}x{% endfor %}",
        "{% for i in items %}{% for j in (1..2) %}{{ forloop.parentloop.index }}{{ forloop.name }}{% endfor %}{% endfor %}",
        "{% for i in items %}{{ forloop }}{{ forloop.rindex0 }}{{ forloop.first }}{% if forloop.last %}.{% endif %}{% endfor %}",
        "{% for i in items %}{{ forloop.rindex0 }}{{ forloop.rindex }}{{ forloop.first }}{% if forloop.last %}.{% endif %}{% endfor %}",
        "{% for forloop in (1..2) %}{{ forloop }}{% endfor %}{% for name in (1..2) %}{{ name }}{% endfor %}{{ name }}",
        "{% for i in (1..2) %}{% assign i = 9 %}{{ i }}{% endfor %}{{ i }}",
        "{% for i in items %}\n{% if missing %}\n{% endif %}\n{% endfor %}",
    ],
    "if": [
        "{% if name == 'Ada' and n > 1 or missing %}a{% elsif flag %}b{% else %}c{% endif %}",
        "{% if items contains 'x' or name contains 'd' %}a{% endif %}{% if d.k != blank %}k{% endif %}{% if 0 %}zero{% endif %}",
        "{% if n < 'a' %}never{% endif %}",
        "{% if items.size >= 2 and html <= 'z' and price <> 1.5 and (1..3) contains n %}yes{% endif %}",
        " {% if flag %} \n {% assign y = 1 %} {% endif %}{{ y }}",
    ],
    "ifchanged": ["{% for i in (1..4) %}{% ifchanged %}{{ i | divided_by: 2 }}{% endifchanged %}{% endfor %}"],
    "increment": ["{% increment x %}{% increment x %}{{ x }}{% increment name %}{{ name }}{% assign x = 'a' %}{{ x }}"],
    "liquid": ["{% liquid\n assign x = n | plus: 1\n if x > 2\n echo x\n else\n echo 'less'\n endif\n# c\n%}"],
    "raw": ["{% raw %}{{ html }}{% if %}\r\n{% endraw %}"],
    "tablerow": [
        "{% tablerow i in items cols: 2 %}{{ i.title }}{{ tablerowloop.col }}{{ tablerowloop.row }}{% endtablerow %}",
        "{% tablerow i in (1..7) cols: 3 %}{% if i == 2 %}{% continue %}{% elsif i == 5 %}{% break %}{% endif %}{{ i }}{% endtablerow %}",
        "{% tablerow i in (1..4) cols: 'x' limit: 3 %}{% for j in (1..3) %}{% if j == i %}{% break %}{% endif %}{{ j }}{% endfor %}{% endtablerow %}",
        "{% tablerow i in none %}x{% endtablerow %}{% tablerow i in (1..2) %}{{ tablerowloop.last }}{% endtablerow %}",
    ],
    "unless": ["{% unless flag %}a{% elsif n == 2 %}b{% else %}c{% endunless %}{% unless missing.x %}d{% endunless %}"],
    "tracked_link": [
        "{% tracked_link 1 %}https://example.com/?a=1&amp;b=2{% endtracked_link %}",
        "{% tracked_link 1 %}https://example.com/{% endtracked_link %}{% tracked_link 2 %} java\nscript:x {% endtracked_link %}",
        "{% tracked_link 2 %}{{ html }}{% endtracked_link %}{% tracked_link 3 %}http://x.example/{{ name }}{% endtracked_link %}",
    ],
    "tracking_pixel": ["{% tracking_pixel %}"],
    "hidden_preheader": ["{% hidden_preheader %}"],
    "{{ }}": [
        "{{ 'a<b' }}{{ 1 }}{{ 2.50 }}{{ nil }}{{ true }}{{ (1..3) }}{{ html }}{{ items }}{{ d }}{{ empty }}{{ blank }}[{{ none }}]",
        "{{ items.first.title }}{{ items.last.size }}{{ items[1].title }}{{ items['x'] }}{{ d['list'][1][1] }}{{ d.size }}{{ name.size }}",
        "{{ name.first }}{{ d.first.last }}{{ missing.a.b }}{{ list.size }}{{ items[n].price }}{{ d[d.k] }}{{ none.x }}{{ n.size }}",
    ],
}  # fmt: skip
# Registered under these names, they are no tags that can be written.
NOT_TAGS = {"content", "output", "illegal"}
CONTEXT: dict[str, Any] = {
    "name": "Ada",
    "html": "<b>&amp; \"x\" 'é' 東\r\n🎉</b>",
    "n": 2,
    "price": 1234.5,
    "items": [{"title": "One & <two>", "price": 3}, {"title": "Three", "price": None}, {"price": 1, "size": 9}],
    "d": {"k": "v", "size": 3, "list": [1, [2, [3]]]},
    "list": ["b", "a", None, "A", 3, ""],
    "numbers": [3, 1.5, "2", 1],
    "none": None,
    "flag": False,
    "when": date(2026, 3, 1),
    "long": "one two three four five six seven eight nine ten eleven twelve thirteen",
}


def test_every_tag_is_tried() -> None:
    known = {tag for environment in ENVIRONMENTS.values() for tag in environment.tags}
    assert {tag.lower() for tag in known} - NOT_TAGS <= set(TAGS)


@pytest.mark.parametrize("kind", ENVIRONMENTS)
@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_writes_what_python_liquids_does(tag: str, kind: str) -> None:
    for source in TAGS[tag]:
        ENVIRONMENTS[kind].parse_safely(source)
        compare(source, CONTEXT, ENVIRONMENTS[kind])
        compare(source, {}, ENVIRONMENTS[kind])


ARGUMENTS = [
    "", ": 2", ": 'a'", ": none", ": 'price'", ": 'price', 3", ": 'o', '<i>'", ": 1, 2", ": list",
    ": 'x', allow_false: true", ": missing",
]  # fmt: skip
LEFTS = [
    "name", "html", "n", "price", "items", "d", "numbers", "none", "flag", "when", "missing", "'a,b<c'", "(1..4)", "empty",
]  # fmt: skip


# The third environment differs in three filters alone, and no other test needs it for filters.
@pytest.mark.parametrize("kind", ["html", "text"])
@pytest.mark.parametrize("name", grammar.FILTERS)
def test_a_filter_gives_what_python_liquids_does(name: str, kind: str) -> None:
    environment = ENVIRONMENTS[kind]
    assert set(environment.filters) == set(grammar.FILTERS)
    for arguments in ARGUMENTS:
        chains = [f"{{{{ {left} | {name}{arguments} }}}}" for left in LEFTS]
        failing = [source for source in chains if not renders(source, environment)]
        # All that render at once, which is quicker; what fails, fails alone.
        compare("|".join(source for source in chains if source not in failing), CONTEXT, environment)
        for source in failing:
            compare(source, CONTEXT, environment)


def renders(source: str, environment: SafeEnvironment) -> bool:
    try:
        environment.parse_safely(source).render_state(plain(CONTEXT), state())
    except Exception:  # noqa: BLE001 - filters raise many kinds
        return False
    return True


def mail(source: str) -> CompiledEmail:
    return compile_email(format="html", subject="s", source=source)


@pytest.mark.parametrize(
    "source",
    [
        "<p>a</p>\n{{ 5 | divided_by: zero }}",
        "<p>{% for i in (1..3) %}\n{% for j in items limit: name %}{% endfor %}{% endfor %}</p>",
        "<p>x</p>\n\n{% if name < 3 %}a{% endif %}",
        "{% for i in (1..9000) %}{% endfor %}\n{% for i in (1..9000) %}{% endfor %}",
        "{{ (1..99999) | join }}",
        "<p>\n {% if name %}{% break %}{% endif %}</p>",
        "{% assign x = 'aaaaaaaa' %}{% for i in (1..99) %}{% assign x = x | append: x %}{% endfor %}",
        "{% for i in (1..5000) %}{{ long }}{% endfor %}",
        "{% capture x %}{% for i in (1..5000) %}{{ long }}{% endfor %}{% endcapture %}",
        "<a href='{{ name | date: missing | truncate: name }}'>x</a>",
    ],
)
def test_an_error_is_python_liquids_in_words_and_place(source: str) -> None:
    context = {"name": "Ada", "zero": 0, "items": [1], "long": "é" * 700}
    compiled = mail(source)
    with pytest.raises(RenderError) as expected:
        compiled.empty_fields(context)  # python-liquid's own
    with pytest.raises(RenderError) as raised:
        compiled.render(context)
    assert (str(raised.value), raised.value.problem) == (str(expected.value), expected.value.problem)


def test_output_just_below_the_limit_is_whole() -> None:
    compiled = mail("{% for i in (1..1400) %}{{ long }}{% endfor %}")
    assert compiled.render({"long": "é" * 700}).html.count("é") == 1400 * 700


def test_text_that_no_octets_can_stand_for_is_an_error() -> None:
    for source in ("<p>{{ x }}</p>", "{% capture y %}{{ x }}{% endcapture %}<p>a</p>"):
        with pytest.raises(RenderError, match="surrogates"):
            mail(source).render({"x": "a\ud800"})


def test_what_takes_too_long_ends_where_it_was() -> None:
    sorts = " | sort_natural" * 9
    source = f"<p>x</p>\n{{% for i in (1..9999) %}}{{% assign x = list{sorts} %}}{{% endfor %}}"
    with pytest.raises(RenderError, match=r"Source, line 2, column \d+: .*longer than 2 seconds"):
        mail(source).render({"list": [str(n * 7919 % 9973) for n in range(9999)]})


def test_the_mails_that_the_house_brings_compile_whole() -> None:
    assert compile_email(format="html", subject=SUBJECT, source=SOURCE).fallbacks == []
    for starter in STARTERS.values():
        content = starter.content
        compiled = compile_email(
            format=content.format, subject=content.subject, preheader=content.preheader, source=content.source
        )
        assert compiled.fallbacks == [], starter.slug


def test_what_the_compiler_does_not_know_is_left_to_python_liquid_and_named() -> None:
    source = (
        "{% assign key = 'name' %}{{ [key] }}{% if flag %}{% else %}{{ [key] }}{% endif %}"
        "{% for i in (1..3) %}{{ [key] }}{{ i }}{{ forloop.index }}{% assign last = i %}{% endfor %}{{ last }}{% increment n %}"
    )
    for environment in ENVIRONMENTS.values():
        assert len(Plan(environment.parse_safely(source)).fallbacks) == 3
        compare(source, CONTEXT, environment)
    assert mail("<p>{{ ['firstName'] }}{{ [name] }}</p>").fallbacks == [
        "source: a name that is looked up by another",
        "text_source: a name that is looked up by another",
    ]
    loops = "{% for i in (1..6000) %}{{ [name] }}{% endfor %}{% for i in (1..6000) %}{% endfor %}"
    with pytest.raises(RenderError, match="10,000 times"):
        mail(loops).render(CONTEXT)


def test_a_template_too_large_for_one_function_is_python_liquids() -> None:
    compiled = mail("<p>" + "{{ n }}" * 5000 + "</p>")
    assert compiled.fallbacks == ["source: all of it", "text_source: all of it"]
    assert "2" * 5000 in compiled.render(CONTEXT).html


def test_the_deepest_nesting_compiles_or_falls_back() -> None:
    depth = 19
    deep = "".join(f"{{% tablerow a{n} in (1..1) %}}" for n in range(depth)) + "x" + "{% endtablerow %}" * depth
    assert mail(f"<p>{deep}</p>").render({}).html.count(">x<") == 1


HOSTILE = [
    "__import__('os').abort()",
    "'''",
    '"""',
    "\\",
    "\\'",
    "{0}",
    "%s",
    "{x}",
    "\n",
    "];raise SystemExit#",
    "\\N{BULLET}",
    "$",
    "`",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_an_author_or_contact_is_ever_run(text: str) -> None:
    quoted = f'"{text}"' if '"' not in text else f"'{text}'"
    sources = [
        text,
        f"{{{{ {quoted} }}}}",
        f"{{{{ x[{quoted}] }}}}",
        f"{{% if name == {quoted} %}}a{{% endif %}}",
        f"{{{{ name | append: {quoted} }}}}",
        f"{{% cycle {quoted}: 1, 2 %}}",
        f"{{% tracked_link 1 %}}http://{text}{{% endtracked_link %}}",
    ]
    for source in sources:
        for environment in ENVIRONMENTS.values():
            try:
                environment.parse_safely(source)
            except LiquidError:
                continue
            compare(source, {"name": text, "x": {text: "found"}}, environment)


@pytest.mark.parametrize(
    "name",
    [
        "state",
        "values",
        "pieces",
        "context",
        "t1",
        "g0",
        "K0",
        "def",
        "class",
        "None",
        "__builtins__",
        "exec",
        "a-b",
        "é",
    ],
)
def test_names_of_fields_never_meet_names_of_the_compiler(name: str) -> None:
    source = (
        f"{{{{ {name} }}}}{{% assign {name} = {name} | append: '1' %}}{{{{ {name}.x }}}}{{% for {name} in items %}}{{{{ {name}.title }}}}"
        f"{{% endfor %}}{{% capture {name} %}}{{{{ {name} }}}}{{% endcapture %}}{{% increment {name} %}}{{{{ {name} }}}}"
    )
    for environment in ENVIRONMENTS.values():
        compare(source, {**CONTEXT, name: "<value>"}, environment)


def test_generated_code_sees_few_of_pythons_own_functions() -> None:
    names = Plan(_HTML.parse_safely("{{ name }}")).program().names
    assert set(names["__builtins__"]) == {"dict", "enumerate", "float", "int", "iter", "len", "list", "str", "type"}
    assert "import" not in "".join(names)
