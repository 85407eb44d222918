"""The components: ``{% load ui %}``. Each is shown on /styleguide/ and described in docs/how-to/add-a-page.md."""

import hashlib
from collections.abc import Sequence
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.template import Context, TemplateSyntaxError
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.functional import SimpleLazyObject
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from frontend import importmap, navigation
from frontend.charts import Chart
from frontend.htmx import undo_url_of
from frontend.pagination import Page
from frontend.tones import LIVE, Tone, tone_of
from frontend.vendor import icon_names

register = template.Library()

ICONS = SimpleLazyObject(lambda: frozenset(icon_names()))
AVATAR_TONES: Sequence[Tone] = ("info", "ok", "purple", "warn", "bad", "mute")


def block(template_name: str, content: str, **context: Any) -> SafeString:
    """Renders a component around the content of a block tag, which Django has already escaped."""
    return render_to_string(f"components/{template_name}", {"content": mark_safe(content), **context})  # noqa: S308


@register.simple_tag
def icon(name: str, *, css: str = "", label: str = "", **attributes: str) -> SafeString:
    """Draws a Tabler outline icon. Decorative unless ``label`` says what it means; ``class`` adds classes."""
    if name not in ICONS:
        raise TemplateSyntaxError(
            f"No icon {name!r}: add it to frontend/icons.txt and run `python -m frontend.vendor`."
        )
    classes = " ".join(filter(None, ("icon", attributes.get("class", ""), css)))
    meaning = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="{}" {} focusable="false"><use href="{}#{}"></use></svg>',
        classes,
        meaning,
        static("vendor/icons.svg"),
        name,
    )


@register.simple_tag
def pill(state: Any, *, label: str = "", tone: str = "", live: bool | None = None) -> SafeString:
    """Draws a state as a dot and a word. Tone and word follow from the state unless given; a live dot pulses."""
    name = str(state)
    word = label or name.replace("_", " ").capitalize()
    pulses = name in LIVE if live is None else live
    return format_html(
        '<span class="pill pill-{}"><span class="pill-dot{}"></span>{}</span>',
        tone or tone_of(name),
        " pill-dot-live" if pulses else "",
        word,
    )


@register.simple_tag
def avatar(name: str, *, size: str = "sm") -> SafeString:
    """Draws a person's initials on a colour that stays with the name."""
    words = str(name).replace("@", " ").replace(".", " ").split() or ["?"]
    initials = (words[0][0] + (words[-1][0] if len(words) > 1 and "@" not in str(name) else "")).upper()
    tone = AVATAR_TONES[hashlib.sha256(str(name).encode()).digest()[0] % len(AVATAR_TONES)]
    return format_html(
        '<span class="avatar avatar-{} rounded-circle avatar-tone pill-{}" aria-hidden="true">{}</span>',
        size,
        tone,
        initials,
    )


@register.inclusion_tag("components/stat.html")
def stat(
    label: str,
    value: Any,
    *,
    note: Any = "",
    delta: str = "",
    good: bool | None = None,
    href: str = "",
    icon: str = "",
) -> dict[str, Any]:
    """Draws a tile of one number. ``good`` colours the delta; without it the delta is neutral."""
    tone = {True: "ok", False: "bad", None: "mute"}[good]
    return {"label": label, "value": value, "note": note, "delta": delta, "tone": tone, "href": href, "icon": icon}


@register.inclusion_tag("components/empty.html")
def empty(
    *,
    title: str,
    text: str = "",
    icon: str = "circle-dashed",
    action: str = "",
    href: str = "",
    sample: str = "",
    sample_href: str = "",
    compact: bool = False,
) -> dict[str, Any]:
    """Draws an empty state: what this is, one button to start, a sample to try."""
    return {
        "title": title,
        "text": text,
        "icon": icon,
        "action": action,
        "href": href,
        "sample": sample,
        "sample_href": sample_href,
        "compact": compact,
    }


@register.simple_tag
def crumb(label: str, url: str = "") -> SafeString:
    """Draws one breadcrumb; without a URL it is plain text."""
    if url:
        return format_html('<li class="breadcrumb-item"><a href="{}">{}</a></li>', url, label)
    return format_html('<li class="breadcrumb-item">{}</li>', label)


@register.simple_block_tag(takes_context=True)
def filterbar(
    context: Context,
    content: str,
    *,
    target: str,
    placeholder: str = "Search",
    name: str = "q",
    url: str = "",
) -> SafeString:
    """Wraps filters (selects, checkboxes) into a search form that refreshes ``target`` as one types and pushes the URL."""
    request = context["request"]
    return block(
        "filterbar.html",
        content,
        target=target,
        placeholder=placeholder,
        name=name,
        url=url or request.path,
        value=request.GET.get(name, ""),
        sort=request.GET.get("sort", ""),
    )


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(
    context: Context, label: str, key: str, *, target: str, default: str = "", **attributes: str
) -> dict[str, Any]:
    """Draws a column header that sorts by ``?sort=key`` and then by ``?sort=-key``. ``default`` is the order without one."""
    request = context["request"]
    current = request.GET.get("sort", default)
    direction = {key: "ascending", f"-{key}": "descending"}.get(current, "")
    query = request.GET.copy()
    query.pop("cursor", None)
    query["sort"] = f"-{key}" if direction == "ascending" else key
    return {
        "label": label,
        "direction": direction,
        "url": f"{request.path}?{query.urlencode()}",
        "target": target,
        "css": attributes.get("class", ""),
    }


@register.inclusion_tag("components/load_more.html", takes_context=True)
def load_more(context: Context, page: Page[Any], *, target: str, label: str = "Show more") -> dict[str, Any]:
    """Draws the button that appends the next page to ``target``; nothing on the last page. Works as a link without scripts."""
    request = context["request"]
    query = request.GET.copy()
    query["cursor"] = page.next_cursor
    return {
        "has_next": bool(page.next_cursor),
        "url": f"{request.path}?{query.urlencode()}",
        "target": target,
        "label": label,
    }


@register.inclusion_tag("components/progress.html")
def progress(done: int, total: int | None, *, label: str, tone: str = "") -> dict[str, Any]:
    """Draws a progress bar with its numbers; without a total it only shows that work goes on."""
    known = bool(total)
    share = min(100, 100 * done // total) if total else 0
    return {"done": done, "total": total, "known": known, "share": share, "label": label, "tone": tone}


@register.simple_block_tag
def poll(content: str, url: str, *, every: str = "2s", name: str = "") -> SafeString:
    """Wraps what is fetched anew from ``url`` every two seconds until the view answers by ``stop_polling``."""
    return block("poll.html", content, url=url, every=every, id=name)


@register.simple_block_tag
def tabs(content: str, *, label: str) -> SafeString:
    """Wraps ``{% tab %}`` entries into the navigation between the parts of one thing."""
    return block("tabs.html", content, label=label)


@register.inclusion_tag("components/tab.html", takes_context=True)
def tab(
    context: Context, label: str, url: str, *, count: int | None = None, icon: str = "", active: bool | None = None
) -> dict[str, Any]:
    """Draws one tab, a link; it is the active one if the page's path is its own, unless ``active`` says otherwise."""
    request = context.get("request")
    is_active = (request is not None and request.path == url.partition("?")[0]) if active is None else active
    return {"label": label, "url": url, "count": count, "icon": icon, "active": is_active}


@register.simple_block_tag
def menu(content: str, *, label: str, icon: str = "dots", text: str = "", css: str = "") -> SafeString:
    """Wraps ``dropdown-item`` links and buttons into a menu behind a button; ``label`` names it for screen readers."""
    return block("menu.html", content, label=label, icon=icon, text=text, css=css)


@register.simple_block_tag
def dialog(content: str, name: str, title: str, *, size: str = "") -> SafeString:
    """Wraps content into a dialog with the id ``name``, which ``data-dialog-open="name"`` opens."""
    return block("dialog.html", content, id=name, title=title, size=size)


@register.simple_block_tag
def dialog_content(content: str, title: str) -> SafeString:
    """Wraps the answer to a request that targets ``#modal``: its title bar and body. The dialog opens by itself."""
    return block("dialog_content.html", content, title=title)


@register.simple_block_tag
def deflist(content: str, *, css: str = "") -> SafeString:
    """Wraps ``{% datum %}`` entries into a list of names and values."""
    return format_html('<dl class="deflist {}">{}</dl>', css, mark_safe(content))  # noqa: S308  (escaped by the template)


@register.simple_tag
def datum(label: str, value: Any) -> SafeString:
    """Draws one name and its value; "—" for none."""
    shown = "—" if value is None or value == "" else conditional_escape(value)
    return format_html('<div class="deflist-item"><dt>{}</dt><dd>{}</dd></div>', label, shown)


@register.simple_block_tag
def timeline(content: str, *, label: str = "Timeline") -> SafeString:
    """Wraps ``{% moment %}`` entries, newest first."""
    return format_html('<ol class="timeline-list" aria-label="{}">{}</ol>', label, mark_safe(content))  # noqa: S308


@register.simple_block_tag
def moment(content: str, *, title: str, at: Any = None, icon: str = "point", tone: str = "mute") -> SafeString:
    """Draws one thing that happened: icon, title, time, and details as its content."""
    return block("moment.html", content.strip(), title=title, at=at, icon=icon, tone=tone)


@register.inclusion_tag("components/code_block.html")
def code_block(text: str, *, label: str = "Code", wrap: bool = False) -> dict[str, Any]:
    """Draws text to copy, with a copy button."""
    return {"text": text, "label": label, "wrap": wrap}


@register.simple_block_tag
def alert(content: str, tone: str = "info", *, title: str = "", icon: str = "") -> SafeString:
    """Draws a notice. ``tone`` is ok, info, warn or bad."""
    level, default_icon = {
        "ok": ("success", "circle-check"),
        "warn": ("warning", "alert-triangle"),
        "bad": ("danger", "alert-circle"),
    }.get(tone, ("info", "info-circle"))
    return block("alert.html", content, level=level, title=title, icon=icon or default_icon)


@register.inclusion_tag("components/chart.html")
def chart(name: str, data: Chart, *, label: str, height: str = "md") -> dict[str, Any]:
    """Draws a chart with its numbers as a table beside it. ``label`` says in words what it shows."""
    return {"id": name, "chart": data, "label": label, "height": height}


@register.simple_tag
def field(bound_field: Any) -> SafeString:
    """Draws a form field: label, control, help and errors."""
    rendered: SafeString = bound_field.as_field_group()
    return rendered


@register.inclusion_tag("components/form_errors.html")
def form_errors(form: Any) -> dict[str, Any]:
    """Draws the summary of a form's errors, each linked to its field; the browser focuses it."""
    return {"form": form}


@register.inclusion_tag("components/submit.html")
def submit(text: str, *, icon: str = "", name: str = "", value: str = "", css: str = "btn-primary") -> dict[str, Any]:
    """Draws a submit button that shows a spinner while the form is on its way."""
    return {"text": text, "icon": icon, "name": name, "value": value, "css": css}


@register.simple_tag
def undo_url(message: Message) -> str:
    """Returns what a message's Undo button POSTs to, empty if it has none."""
    return undo_url_of(message) or ""


@register.simple_tag
def module(name: str) -> SafeString:
    """Loads ``static_src/js/<name>.js`` as an ES module."""
    return format_html('<script type="module" src="{}"></script>', static(f"js/{name}.js"))


@register.simple_tag(takes_context=True)
def import_map(context: Context) -> SafeString:
    """Writes the import map: our modules as ``@drumbeat/<name>``, the libraries by their package names."""
    return format_html(
        '<script type="importmap" nonce="{}">{}</script>', context.get("csp_nonce", ""), importmap.as_json()
    )


@register.simple_tag(takes_context=True)
def navigation_links(context: Context) -> list[navigation.Link]:
    """Returns the main navigation for this page; a view may name the current entry in its context as ``nav``.

    ``request.may``, if somebody put it there, tells what whoever looks is allowed.
    """
    request = context.get("request")
    may = getattr(request, "may", lambda needs: False)
    return navigation.build(request.path if request else "", context.get("nav") or "", may=may)


@register.filter
def anchor(value: Any) -> str:
    """Returns a text as an id."""
    return slugify(str(value))
