"""Random Liquid: every tag and filter, white space control, nesting, and contexts that don't fit."""

from hypothesis import strategies as st

from templates_lib.rendering.environment import SafeEnvironment

FILTERS = sorted(SafeEnvironment(autoescape=True).filters)
NAMES = [
    "name",
    "html",
    "n",
    "price",
    "items",
    "d",
    "deep",
    "none",
    "flag",
    "when",
    "missing",
    "x",
    "y",
    "i",
    "partial",
]

texts = st.text(st.sampled_from("ab <>&\"'.\n\r\té東🎉=-_%\u2028\xa0"), max_size=12)
scalars = st.one_of(
    texts,
    st.integers(-50, 50),
    st.floats(-100, 100, allow_nan=False),
    st.booleans(),
    st.none(),
    st.sampled_from(
        ["2026-03-01", "2026-03-01T10:30:00Z", "3", "1.5", "<b>x</b>", "a,b,c", "http://example.com/?a=1&b=2"]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["title", "price", "size", "first", "a b", "k"]), inner, max_size=3),
        st.lists(st.fixed_dictionaries({"title": texts, "price": st.integers(0, 9)}), max_size=4),
    ),
    max_leaves=8,
)
contexts = st.dictionaries(st.sampled_from(NAMES), values, max_size=len(NAMES)).map(
    lambda context: {"items": [{"title": "One & two", "price": 3}, {"title": "Three"}], "n": 2, **context}
)

_quoted = st.sampled_from(
    ["''", "'a'", '"<b>"', "' '", "','", "'%Y'", "'title'", "'k'", "'USD'", "'é'", "'b'", "'x&y'"]
)
_numbers = st.sampled_from(["0", "1", "2", "-1", "3.5", "10"])
_literals = st.one_of(_quoted, _numbers, st.sampled_from(["true", "false", "nil", "(1..3)", "(n..4)"]))
_names = st.sampled_from([*NAMES, "forloop", "tablerowloop"])
_segments = st.sampled_from(
    [".title", ".size", ".first", ".last", "[0]", "[-1]", "['a b']", "[n]", "[name]", ".k", "[d.k]", ".price"]
)
_loop_facts = st.sampled_from(
    ["forloop.index", "forloop.index0", "forloop.rindex", "forloop.rindex0", "forloop.first", "forloop.last",
     "forloop.length", "forloop.name", "forloop.parentloop.index", "tablerowloop.col", "tablerowloop.row",
     "tablerowloop.col_last", "forloop.nothing"]
)  # fmt: skip
paths = st.one_of(
    st.builds(lambda name, rest: name + "".join(rest), _names, st.lists(_segments, max_size=2)), _loop_facts
)
primitives = st.one_of(paths, paths, _literals)
_arguments = st.lists(primitives, max_size=2).map(lambda given: ": " + ", ".join(given) if given else "")
_keywords = st.sampled_from(["", "", "", ", allow_false: true", ", context: 1"])
filters = st.builds(
    lambda name, arguments, keyword: f" | {name}{arguments}{keyword if arguments else ''}",
    st.sampled_from(FILTERS),
    _arguments,
    _keywords,
)
filtered = st.builds(lambda left, chain: left + "".join(chain), primitives, st.lists(filters, max_size=2))
_operators = st.sampled_from(["==", "!=", "<>", "<", ">", "<=", ">=", "contains"])
_comparisons = st.one_of(
    primitives,
    st.builds("{} {} {}".format, primitives, st.sampled_from(["==", "!="]), st.sampled_from(["empty", "blank"])),
    st.builds(lambda a, op, b: f"{a} {op} {b}", primitives, _operators, primitives),
)
conditions = st.builds(
    lambda first, rest: first + "".join(rest),
    _comparisons,
    st.lists(
        st.builds(lambda word, other: f" {word} {other}", st.sampled_from(["and", "or"]), _comparisons), max_size=2
    ),
)
_dash = st.sampled_from(["", "", "-"])


def _tag(inside: str, left: str = "", right: str = "") -> str:
    return f"{{%{left} {inside} {right}%}}"


tags = st.builds(_tag, st.one_of(
    st.builds(lambda name, value: f"assign {name} = {value}", st.sampled_from(["x", "y", "name"]), filtered),
    st.builds("echo {}".format, filtered),
    st.builds(lambda group, given: f"cycle {group}{', '.join(given)}", st.sampled_from(["", "'g': ", "name: "]),
              st.lists(primitives, min_size=1, max_size=3)),
    st.builds("{} {}".format, st.sampled_from(["increment", "decrement"]), st.sampled_from(["x", "count", "n"])),
    st.builds(lambda lines: "liquid\n" + "\n".join(lines) + "\n",
              st.lists(st.one_of(st.builds("assign x = {}".format, filtered), st.builds("echo {}".format, filtered)),
                       max_size=3)),
    st.just("# a comment"),
), _dash, _dash)  # fmt: skip
outputs = st.builds(lambda left, value, right: f"{{{{{left} {value} {right}}}}}", _dash, filtered, _dash)
plain_texts = st.sampled_from(
    [
        "a",
        " b ",
        "\n",
        "\n\n",
        ".\n",
        " \t\n",
        "<p>",
        "</p>\n",
        "é",
        "x.y",
        " ",
        ".",
        "\r\n",
        "{% raw %}{{ x }}{% endraw %}",
    ]
)
leaves = st.one_of(
    plain_texts, plain_texts, outputs, outputs, tags, st.just("{% comment %}{{ x }}{% endcomment %}"), st.just("{% doc %}d{% enddoc %}")
)  # fmt: skip


def _loop_words(limit: str, offset: str, backwards: str) -> str:
    return f"{backwards}{' limit: ' + limit if limit else ''}{' offset: ' + offset if offset else ''}"


_loops = st.builds(
    _loop_words,
    st.sampled_from(["", "", "", "1", "2", "n", "items.size", "'2'", "name"]),
    st.sampled_from(["", "", "", "continue", "1", "n", "-1", "forloop.index", "'1'"]),
    st.sampled_from(["", "", " reversed"]),
)
_items = st.one_of(st.sampled_from(["items", "items", "d", "(1..3)", "name", "(1..n)"]), primitives)


def _blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, max_size=4).map("".join)
    jump = st.builds(
        lambda tag, when: f"{{% if {when} %}}{{% {tag} %}}{{% endif %}}",
        st.sampled_from(["break", "continue"]),
        st.one_of(st.sampled_from(["forloop.index == 2", "i == 2", "tablerowloop.last", "true"]), conditions),
    )
    round_ = st.builds(lambda a, leave, b: a + leave + b, body, st.one_of(st.just(""), jump), body)
    return st.one_of(
        st.builds(
            lambda word, a, first, b, second, last, dash:
                f"{{%{dash} {word} {a} %}}{first}{{% elsif {b} %}}{second}{{% else %}}{last}{{% end{word} {dash}%}}",
            st.sampled_from(["if", "unless"]), conditions, body, conditions, body, body, _dash),
        st.builds(lambda a, first: f"{{% if {a} -%}}{first}{{%- endif %}}", conditions, body),
        st.builds(
            lambda value, a, first, b, c, second, last:
                f"{{% case {value} %}}{{% when {a} %}}{first}{{% when {b}, {c} %}}{second}{{% else %}}{last}{{% endcase %}}",
            primitives, primitives, body, primitives, primitives, body, body),
        st.builds(
            lambda name, items, words, block, otherwise:
                f"{{% for {name} in {items}{words} %}}{block}{{% else %}}{otherwise}{{% endfor %}}",
            st.sampled_from(["i", "i", "item", "name", "forloop"]), _items, _loops, round_, body),
        st.builds(
            lambda items, words, cols, block: f"{{% tablerow i in {items}{words}{cols} %}}{block}{{% endtablerow %}}",
            _items, _loops, st.sampled_from(["", " cols: 2", " cols: n", " cols: name"]), round_),
        st.builds(lambda name, block: f"{{% capture {name} %}}{block}{{% endcapture %}}", st.sampled_from(["x", "y"]), body),
        st.builds("{{% ifchanged %}}{}{{% endifchanged %}}".format, body),
        st.builds("{{% tracked_link 3 %}}https://example.com/{}{{% endtracked_link %}}".format, body),
    )  # fmt: skip


templates = st.lists(st.recursive(leaves, _blocks, max_leaves=10), max_size=6).map("".join)
