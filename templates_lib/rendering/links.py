"""Links: each href becomes a call of the hook that delivery gives, with the URL as it came out for one recipient."""

import re
from collections.abc import Iterable
from html import unescape
from typing import TextIO, cast

from liquid import escape
from liquid.ast import BlockNode, Node
from liquid.context import RenderContext
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_EXPRESSION, TOKEN_TAG, Token
from markupsafe import _escape_inner as escaped  # type: ignore[attr-defined]  # escape() without making a Markup

from templates_lib.rendering import markup
from templates_lib.rendering.environment import RenderState, SafeContext
from templates_lib.rendering.scanner import Masked
from templates_lib.rendering.shielding import unescape_outside_liquid

SYSTEM_URLS = ("unsubscribeUrl", "preferencesUrl", "viewUrl")
SYSTEM_FIELDS = frozenset({*SYSTEM_URLS, "sender", "workspace", "campaign", "event"})
LINK_TAG, END_LINK_TAG, PIXEL_TAG, PREHEADER_TAG = (
    "tracked_link",
    "endtracked_link",
    "tracking_pixel",
    "hidden_preheader",
)

_SYSTEM = re.compile(rf"\{{\{{-?\s*(?:{'|'.join(SYSTEM_URLS)})\b")
_UNTRACKED = re.compile(r"(?:mailto|tel|sms|cid):|#", re.IGNORECASE)
_DANGEROUS = re.compile(r"(?:javascript|vbscript|data|file|blob):", re.IGNORECASE)
_CLEAN = re.compile(r"[a-z][!#$%()*+,\-./0-9:;=?@A-Z\[\]^_`a-z{|}~]*")
_CONTROLS = re.compile(r"[\x00-\x20\x7f]+")
_TEXT_URL = re.compile("https?://[^\\s<>\"']+", re.IGNORECASE)
_LINK_ELEMENTS = frozenset({"a", "area"})
# Enough invisible space that mail programs show nothing of the body after the preheader.
_PADDING = "&#847;&zwnj;&nbsp;" * 60
_HIDDEN = (
    "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all;"
    "color:transparent"
)


class LinkIndex:
    """The links of one mail as written; a href that occurs again is the same link."""

    def __init__(self) -> None:
        self.hrefs: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, href: str) -> int:
        """Return the index of a href, giving it one if it is new."""
        if href not in self._numbers:
            self._numbers[href] = len(self.hrefs)
            self.hrefs.append(href)
        return self._numbers[href]

    def wrap(self, href: str, written: str) -> str:
        """Return the Liquid that writes a link: `href` as the author means it, `written` as it stands there."""
        if not is_trackable(href):
            return written
        return f"{{% {LINK_TAG} {self.number(href)} %}}{written}{{% {END_LINK_TAG} %}}"


def is_trackable(href: str) -> bool:
    """Tell whether a href, as written, may lead to a web address whose clicks are counted."""
    href = href.strip()
    return bool(href) and not _UNTRACKED.match(href) and not _SYSTEM.match(href)


def hrefs(masked: Masked) -> Iterable[tuple[markup.Token, markup.Attribute]]:
    """Yield the links of HTML in order, those inside conditional comments for Outlook too."""
    pending = list(markup.tokens(masked.text))
    pending.reverse()
    while pending:
        token = pending.pop()
        if token.kind == "comment" and masked.text.startswith("<!--[if", token.start):
            inner = list(markup.tokens(masked.text, token.start + 4, token.end - 3))
            pending += reversed(inner)
        elif token.kind == "start" and (token.name in _LINK_ELEMENTS or token.name.startswith("v:")):
            href = token.attribute("href")
            if href is not None:
                yield token, href


def wrap_html_links(html: str, index: LinkIndex) -> str:
    """Return HTML in which every trackable href is written by the link tag."""
    masked = Masked(html)
    pieces: list[str] = []
    position = 0
    for _, attribute in hrefs(masked):
        written = html[attribute.value_start : attribute.value_end]
        pieces += html[position : attribute.value_start], index.wrap(unescape_outside_liquid(written), written)
        position = attribute.value_end
    pieces.append(html[position:])
    return "".join(pieces)


def wrap_text_links(text: str, index: LinkIndex) -> str:
    """Return plain text in which every web address is written by the link tag."""
    masked = Masked(text)
    pieces: list[str] = []
    position = 0
    for match in _TEXT_URL.finditer(masked.text):
        end = match.start() + len(match.group().rstrip(".,;:!?)]}*_"))
        written = text[match.start() : end]
        pieces += text[position : match.start()], index.wrap(written, written)
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def safe_url(url: str) -> str:
    """Return a URL without white space around or control characters in it; "#" for one that could run a script."""
    if url.startswith("http") and url.isprintable() and not url[-1].isspace():
        return url
    cleaned = _CONTROLS.sub("", url) if _DANGEROUS.match(_CONTROLS.sub("", url)) else url.strip()
    if _DANGEROUS.match(cleaned):
        return "#"
    return cleaned.translate({10: None, 13: None, 9: None})


class LinkNode(Node):
    """Writes one href: the block is the URL as written, the hook may put a tracked one in its place."""

    __slots__ = ("block", "number")

    def __init__(self, token: Token, number: int, block: BlockNode) -> None:
        super().__init__(token)
        self.number, self.block = number, block
        self.blank = False

    def children(self, static_context: RenderContext, *, include_partials: bool = True) -> Iterable[Node]:
        yield self.block

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        inner = context.get_buffer(buffer)
        self.block.render(context, inner)
        url = inner.getvalue()
        if context.autoescape:
            url = unescape(url)
        url = tracked(safe_url(url), self.number, cast("SafeContext", context).state)
        return buffer.write(str(escape(url)) if context.autoescape else url)


def is_web_address(url: str) -> bool:
    """Tell whether a clean URL is one whose clicks can be counted."""
    return url.startswith(("https://", "http://")) or url[:8].lower().startswith(("http://", "https://"))


def is_clean_link(url: str) -> bool:
    """Tell whether a URL can be written as it is anywhere in a mail: nothing in it has to be escaped, encoded or fenced."""
    return _CLEAN.fullmatch(url) is not None


def tracked(url: str, number: int, state: RenderState) -> str:
    """Return what to write for a clean URL that belongs to the link with this number."""
    if state.link is None or url in state.untracked or not is_web_address(url):
        return url
    key = (number, url)
    if key not in state.linked:
        state.linked[key] = state.link(number, url)
    return state.linked[key]


class LinkTag(Tag):
    name = LINK_TAG
    end = END_LINK_TAG

    def parse(self, stream: TokenStream) -> LinkNode:
        token = stream.eat(TOKEN_TAG)
        number = int(stream.current.value)
        stream.expect(TOKEN_EXPRESSION)
        next(stream)
        block = get_parser(self.env).parse_block(stream, frozenset({END_LINK_TAG}))
        stream.expect(TOKEN_TAG, value=END_LINK_TAG)
        return LinkNode(token, number, block)


# Hidden from eyes, screen readers and the keyboard alike.
_TRAP_START = '<a href="'
_TRAP_END = '" aria-hidden="true" tabindex="-1" style="display:none;visibility:hidden"></a>'


def pixel(state: RenderState) -> str:
    """Return what readers don't see: the link that only machines follow, and the image whose loading is an open."""
    trap = f"{_TRAP_START}{escaped(state.trap_url)}{_TRAP_END}" if state.trap_url else ""
    if not state.pixel_url:
        return trap
    return (
        f'{trap}<img src="{escaped(state.pixel_url)}" width="1" height="1" alt="" border="0" '
        'style="display:block;width:1px;height:1px;border:0">'
    )


class PixelNode(Node):
    """Writes what readers don't see."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(pixel(cast("SafeContext", context).state))


class PixelTag(Tag):
    name = PIXEL_TAG
    block = False

    def parse(self, stream: TokenStream) -> Node:
        node = PixelNode(stream.current)
        node.blank = False
        return node


def hidden_preheader(state: RenderState) -> str:
    """Return the preheader as hidden text, so that inboxes show it beside the subject."""
    if not state.preheader:
        return ""
    return f'<div style="{_HIDDEN}">{escaped(state.preheader)}{_PADDING}</div>'


class PreheaderNode(Node):
    """Writes the preheader as hidden text."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(hidden_preheader(cast("SafeContext", context).state))


class PreheaderTag(Tag):
    name = PREHEADER_TAG
    block = False

    def parse(self, stream: TokenStream) -> Node:
        node = PreheaderNode(stream.current)
        node.blank = False
        return node
