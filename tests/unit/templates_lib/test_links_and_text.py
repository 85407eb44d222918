"""Tracked links, the pixel, the preheader and the plain text part."""

from hypothesis import given
from hypothesis import strategies as st

from templates_lib.rendering import compile_email


def html(source, **parts):
    return compile_email(format="html", subject="s", source=source, **parts)


class Tracker:
    def __init__(self):
        self.calls = []

    def __call__(self, index, url):
        self.calls.append((index, url))
        return f"https://t.example/{index}?x=1&y=2"


def test_links_are_called_once_with_the_rendered_url_and_used_in_both_parts():
    compiled = html(
        '<a href="https://a.example/?n={{ n | url_encode }}&amp;m=1">Go</a> <a href="https://b.example">B</a>'
    )
    track = Tracker()
    mail = compiled.render({"n": "x y"}, link=track)
    assert compiled.links == ["https://a.example/?n={{ n | url_encode }}&m=1", "https://b.example"]
    assert track.calls == [(0, "https://a.example/?n=x+y&m=1"), (1, "https://b.example")]
    assert '<a href="https://t.example/0?x=1&amp;y=2">Go</a>' in mail.html
    assert mail.text == "Go (https://t.example/0?x=1&y=2) B (https://t.example/1?x=1&y=2)\n"


def test_without_a_hook_links_stay_as_they_are():
    mail = html('<a href="https://a.example/?a=1&amp;b={{ b }}">Go</a>').render({"b": "<2>"})
    assert 'href="https://a.example/?a=1&amp;b=&lt;2&gt;"' in mail.html
    assert mail.text == "Go (https://a.example/?a=1&b=<2>)\n"


def test_addresses_fragments_and_system_pages_are_never_tracked():
    source = "".join(
        f'<a href="{href}">x</a>'
        for href in (
            "mailto:a@b.example",
            "tel:+1",
            "#top",
            "{{ unsubscribeUrl }}",
            "{{preferencesUrl}}",
            "{{ viewUrl | escape }}",
            "{{ other }}",
            "{{ system }}",
        )
    )
    compiled = html(source)
    track = Tracker()
    system = "https://base.example/u/1"
    compiled.render({"unsubscribeUrl": system, "system": system, "other": "mailto:c@d.example"}, link=track)
    assert track.calls == []
    assert compiled.links == ["{{ other }}", "{{ system }}"]


def test_the_same_href_is_the_same_link():
    compiled = html(
        '<a href="https://a.example">1</a><a href="https://a.example">2</a><!--[if mso]><v:roundrect href="https://a.example"></v:roundrect><![endif]-->'
    )
    track = Tracker()
    mail = compiled.render({}, link=track)
    assert compiled.links == ["https://a.example"]
    assert track.calls == [(0, "https://a.example")]
    assert mail.html.count("https://t.example/0") == 3


def test_links_in_loops_are_called_for_each_address():
    track = Tracker()
    html('{% for u in urls %}<a href="{{ u }}">x</a>{% endfor %}').render(
        {"urls": ["https://a.example", "https://b.example"]}, link=track
    )
    assert track.calls == [(0, "https://a.example"), (0, "https://b.example")]


def test_links_of_plain_text_are_tracked_without_their_punctuation():
    compiled = compile_email(
        format="text", subject="s", source="See https://a.example/{{ n }}, or (https://b.example)."
    )
    track = Tracker()
    mail = compiled.render({"n": 5}, link=track)
    assert compiled.links == ["https://a.example/{{ n }}", "https://b.example"]
    assert track.calls == [(0, "https://a.example/5"), (1, "https://b.example")]
    assert mail.text == "See https://t.example/0?x=1&y=2, or (https://t.example/1?x=1&y=2)."
    assert mail.html == ""


@given(
    st.lists(
        st.sampled_from(["https://a.example/1", "https://a.example/2", "http://b.example", "mailto:x@y.example", "#"]),
        max_size=8,
    )
)
def test_every_web_address_is_called_exactly_once(addresses):
    compiled = html("<p>x</p>" + "".join(f'<a href="{address}">x</a>' for address in addresses))
    track = Tracker()
    compiled.render({}, link=track)
    web = list(dict.fromkeys(address for address in addresses if address.startswith("http")))
    assert track.calls == list(enumerate(web))


def test_the_pixel_stands_at_the_end_of_the_body_and_only_if_asked_for():
    compiled = html("<html><body><p>x</p></body></html>")
    assert compiled.render({}, pixel_url="https://t.example/o/1&2").html.endswith('border:0"></body></html>')
    assert 'src="https://t.example/o/1&amp;2"' in compiled.render({}, pixel_url="https://t.example/o/1&2").html
    assert "<img" not in compiled.render({}).html


def test_the_preheader_is_hidden_text_at_the_start_and_not_in_the_text_part():
    mail = html("<body><p>x</p></body>", preheader="For {{ name }}").render({"name": "<Ada>"})
    assert mail.preheader == "For <Ada>"
    assert '<body><div style="display:none' in mail.html
    assert "For &lt;Ada&gt;" in mail.html
    assert "Ada" not in mail.text
    assert "display:none" not in html("<body><p>x</p></body>", preheader="{{ name }}").render({}).html


def test_a_preheader_takes_the_place_of_mj_preview():
    source = "<mjml><mj-head><mj-preview>Old</mj-preview></mj-head><mj-body></mj-body></mjml>"
    assert "Old" in compile_email(format="mjml", subject="s", source=source).render({}).html
    assert "Old" not in compile_email(format="mjml", subject="s", preheader="New", source=source).render({}).html


def test_the_text_part_reads_like_a_letter():
    source = """
    <h1>News</h1><p>Hello {{ name }},<br>this is <b>bold</b>, and <i>this</i>.</p>
    <ul><li>One</li><li>Two <a href="https://two.example">more</a></li></ul><ol><li>A</li><li>B</li></ol>
    <p><a href="https://x.example/"><img src="x.png" alt="Our shop"></a></p><img src="y.png" alt="">
    <p><a href="https://www.same.example/">same.example</a> <a href="mailto:me@x.example">me@x.example</a>
    <a href="mailto:me@x.example">Write</a></p><div style="display: none">hidden</div><script>x</script>
    """
    assert html(source).render({"name": "A & B"}).text == (
        "News\n\nHello A & B,\nthis is bold, and this.\n\n- One\n- Two more (https://two.example)\n\n1. A\n2. B\n\n"
        "Our shop (https://x.example/)\n\nhttps://www.same.example/ me@x.example Write (me@x.example)\n"
    )


def test_conditions_and_loops_leave_no_holes_in_the_text_part():
    source = "<p>Hi</p>{% if x %}<p>Special</p>{% endif %}<table>{% for p in l %}<tr><td>{{ p }}</td><td>1</td></tr>{% endfor %}</table><p>Bye</p>"
    compiled = html(source)
    assert compiled.render({"x": True, "l": ["a", "b"]}).text == "Hi\n\nSpecial\n\na 1\nb 1\n\nBye\n"
    assert compiled.render({"x": False, "l": []}).text == "Hi\n\nBye\n"


def test_filters_for_html_do_nothing_in_the_text_made_from_it():
    mail = html("<p>{{ a | newline_to_br }} {{ b | escape }}</p>").render({"a": "1\n2", "b": "<&>"})
    assert "1<br />\n2 &lt;&amp;&gt;" in mail.html
    assert mail.text == "1\n2 <&>\n"


def test_each_text_of_mjml_is_a_paragraph():
    source = "<mjml><mj-body><mj-section><mj-column><mj-text>One</mj-text><mj-text>Two</mj-text></mj-column></mj-section></mj-body></mjml>"
    assert compile_email(format="mjml", subject="s", source=source).render({}).text == "One\n\nTwo\n"


def test_own_text_is_used_as_it_is_written():
    compiled = html("<p>x</p>", text_source="Own {{ name }}\n\n\n\nhttps://a.example\n")
    assert compiled.render({"name": "<A>"}).text == "Own <A>\n\n\n\nhttps://a.example\n"


def test_empty_fields_are_those_put_out_without_a_default():
    source = (
        "{{ a }} {{ b | upcase }} {{ c | default: 'x' }} {{ w.address }} {% if d %}{{ d }}{% endif %}"
        "{% if true %}{{ e }}{% endif %}{% assign f = '' %}{{ f }}{{ g }}"
    )
    compiled = compile_email(format="html", subject="{{ s }}", source=source)
    assert compiled.fields == {"a", "b", "c", "d", "e", "g", "s", "w"}
    assert compiled.empty_fields({"g": 0, "w": {"address": ""}}) == {"a", "b", "e", "s", "w.address"}
    assert compiled.empty_fields(dict.fromkeys("abcdegs", "x") | {"w": {"address": "y"}}) == set()
