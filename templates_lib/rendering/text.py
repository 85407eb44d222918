"""The plain text part, made from the HTML once, when the mail is compiled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from templates_lib.rendering.links import LINK_TAG, LinkIndex, is_trackable
from templates_lib.rendering.scanner import Masked
from templates_lib.rendering.shielding import Shield

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:mailto|tel|sms):", re.IGNORECASE)
_SCHEME = re.compile(r"^https?://(?:www\.)?|/$")
_BLANK_LINES = re.compile(r"\n{3,}")
_TRAILING = re.compile(r"[ \t]+(?=\n)")


def text_from_html(html: str, index: LinkIndex, *, divs_are_paragraphs: bool = False) -> str:
    """Return the Liquid source of the plain text: links as "label (address)", images as their alt text, lists with dashes.

    `divs_are_paragraphs` is for HTML made from MJML, whose every text stands in a div of its own.
    """
    import html_text  # only processes that compile mail load it, and lxml

    shield = Shield(html)
    masked = Masked(html)
    tree = html_text.parse_html(shield.hide_liquid(masked, 0, len(html)))
    _drop_unseen(tree)
    for image in list(tree.iter("img")):
        _replace_by_text(image, image.get("alt", ""))
    _mark_lists(tree)
    for anchor in list(tree.iter("a")):
        _write_link(anchor, shield, index)
    paragraphs = html_text.DOUBLE_NEWLINE_TAGS | ({"div"} if divs_are_paragraphs else set())
    text = html_text.etree_to_text(tree, double_newline_tags=paragraphs)
    return shield.reveal(_join_tag_lines(shield.keep_braces(text), shield)).strip() + "\n"


def tidy(text: str) -> str:
    """Return a rendered text without spaces at the ends of lines, with at most one empty line in a row, and one end of line."""
    return tidy_inside(text).strip() + "\n"


def tidy_inside(text: str) -> str:
    """Return a piece of a text, tidied but for its ends; to tidy pieces first changes nothing of what `tidy` makes of all."""
    if " \n" in text or "\t\n" in text:
        text = _TRAILING.sub("", text)
    return _BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text


def _drop_unseen(tree: HtmlElement) -> None:
    unseen = [
        element
        for element in tree.iter()
        if not isinstance(element.tag, str)
        or element.tag in {"head", "style", "script", "title", "template"}
        or _HIDDEN.search(element.get("style", ""))
    ]
    for element in unseen:
        if element.getparent() is not None:
            element.drop_tree()


def _replace_by_text(element: HtmlElement, text: str) -> None:
    element.tail = f" {text.strip()} {element.tail or ''}" if text.strip() else element.tail
    element.drop_tree()


def _mark_lists(tree: HtmlElement) -> None:
    for item in tree.iter("li"):
        parent = item.getparent()
        mark = "-"
        if parent is not None and parent.tag == "ol":
            mark = f"{len(list(item.itersiblings('li', preceding=True))) + 1}."
        item.text = f"{mark} {item.text or ''}"


def _write_link(anchor: HtmlElement, shield: Shield, index: LinkIndex) -> None:
    href = shield.reveal(anchor.get("href", "")).strip()
    if not href or href.startswith("#"):
        return
    label = " ".join(shield.reveal(anchor.text_content()).split())
    address = _ADDRESS.sub("", href)
    if label and _SCHEME.sub("", label).lower() == _SCHEME.sub("", address).lower():
        label = ""
        for child in list(anchor):
            child.drop_tree()
        anchor.text = None
    target = shield.hide(index.wrap(href, href) if is_trackable(href) else address)
    _append(anchor, f" ({target})" if label else target)


def _append(element: HtmlElement, text: str) -> None:
    """Put a text where the last words of an element are, so that no line break comes between."""
    node = element
    while len(node) and not (node[-1].tail or "").strip():
        node = node[-1]
    if len(node):
        node[-1].tail = (node[-1].tail or "").rstrip() + text
    else:
        node.text = (node.text or "").rstrip() + text


def _join_tag_lines(text: str, shield: Shield) -> str:
    """Return a text in which a line of nothing but `{% … %}` tags takes no line of its own."""
    out: list[str] = []
    carried = ""
    for line in text.split("\n"):
        hidden = shield.order(line)
        words = re.sub(shield.token_pattern, "", line).strip()
        if hidden and not words and all(_is_tag(liquid) for liquid in hidden):
            carried += line.strip()
        else:
            # Before an empty line the tags become that line, so that it is not part of the block they end.
            out.append(carried + line)
            carried = ""
    return "\n".join(out) + carried


def _is_tag(liquid: str) -> bool:
    return liquid.startswith("{%") and not liquid.startswith((f"{{% {LINK_TAG}", "{% raw"))
