"""MJML's components, as in its documentation: what may stand where, and with which attributes."""

from dataclasses import dataclass

_PADDING = ["padding", *(f"padding-{side}" for side in ("top", "right", "bottom", "left"))]
_BORDER = ["border", "border-radius", *(f"border-{side}" for side in ("top", "right", "bottom", "left"))]
_FONT = ["color", "font-family", "font-size", "font-style", "font-weight", "letter-spacing", "line-height"]
_TEXT = [*_FONT, "text-decoration", "text-transform"]
_BACKGROUND = [
    "background-color", "background-url", "background-repeat", "background-size", "background-position",
    "background-position-x", "background-position-y",
]  # fmt: skip
_LINK = ["href", "rel", "target", "title", "name"]
COMMON = frozenset({"css-class", "mj-class", "dir"})


@dataclass(frozen=True, slots=True)
class Component:
    """`children` are the tags allowed inside; `holds_html` components take HTML instead (MJML's "ending tags")."""

    children: frozenset[str] = frozenset()
    holds_html: bool = False
    attributes: frozenset[str] = frozenset()


def _component(*attributes: str, children: str = "", html: bool = False) -> Component:
    return Component(frozenset(children.split()), html, frozenset(attributes))


_CONTENT = (
    "mj-accordion mj-button mj-carousel mj-divider mj-image mj-navbar mj-raw mj-social mj-spacer mj-table mj-text"
)
_ICONS = [
    f"icon-{what}"
    for what in (
        "align",
        "height",
        "width",
        "position",
        "wrapped-url",
        "wrapped-alt",
        "unwrapped-url",
        "unwrapped-alt",
        "padding",
        "size",
    )
]
_INNER_BORDER = [f"inner-{name}" for name in (*_BORDER, "background-color")]

COMPONENTS: dict[str, Component] = {
    "mjml": _component("lang", "owa", "dir", children="mj-head mj-body mj-raw"),
    "mj-head": _component(
        children="mj-attributes mj-breakpoint mj-font mj-preview mj-style mj-title mj-raw mj-html-attributes"
    ),
    "mj-attributes": _component(),
    "mj-breakpoint": _component("width"),
    "mj-font": _component("name", "href"),
    "mj-preview": _component(html=True),
    "mj-style": _component("inline", html=True),
    "mj-title": _component(html=True),
    "mj-raw": _component("position", html=True),
    "mj-body": _component("background-color", "width", children="mj-section mj-wrapper mj-hero mj-raw"),
    "mj-wrapper": _component(
        *_BACKGROUND,
        *_BORDER,
        *_PADDING,
        "full-width",
        "text-align",
        "gap",
        children="mj-section mj-hero mj-raw",
    ),
    "mj-section": _component(
        *_BACKGROUND,
        *_BORDER,
        *_PADDING,
        "direction",
        "full-width",
        "text-align",
        children="mj-column mj-group mj-raw",
    ),
    "mj-group": _component("width", "vertical-align", "background-color", "direction", children="mj-column mj-raw"),
    "mj-column": _component(
        *_BORDER,
        *_INNER_BORDER,
        *_PADDING,
        "background-color",
        "width",
        "vertical-align",
        "direction",
        children=_CONTENT,
    ),
    "mj-hero": _component(
        *_BACKGROUND,
        *_PADDING,
        *(f"inner-{name}" for name in (*_PADDING, "background-color", "background-url")),
        "background-height",
        "background-width",
        "border-radius",
        "height",
        "mode",
        "width",
        "vertical-align",
        "align",
        children=_CONTENT,
    ),
    "mj-text": _component(
        *_TEXT, *_PADDING, "align", "height", "container-background-color", "vertical-align", html=True
    ),
    "mj-button": _component(
        *_TEXT,
        *_BORDER,
        *_PADDING,
        *_LINK,
        "align",
        "background-color",
        "container-background-color",
        "height",
        "inner-padding",
        "text-align",
        "vertical-align",
        "width",
        html=True,
    ),
    "mj-image": _component(
        *_BORDER,
        *_PADDING,
        *_LINK,
        "align",
        "alt",
        "container-background-color",
        "fluid-on-mobile",
        "font-size",
        "height",
        "max-height",
        "sizes",
        "src",
        "srcset",
        "usemap",
        "width",
        "thumbnails-src",
    ),
    "mj-divider": _component(
        *_PADDING, "align", "border-color", "border-style", "border-width", "container-background-color", "width"
    ),
    "mj-spacer": _component(*_BORDER, *_PADDING, "container-background-color", "height", "width", "vertical-align"),
    "mj-table": _component(
        *_FONT,
        *_PADDING,
        "align",
        "border",
        "cellpadding",
        "cellspacing",
        "container-background-color",
        "role",
        "table-layout",
        "width",
        html=True,
    ),
    "mj-social": _component(
        *_FONT,
        *_PADDING,
        *_ICONS,
        "align",
        "border-radius",
        "container-background-color",
        "inner-padding",
        "mode",
        "table-layout",
        "text-decoration",
        "text-padding",
        "vertical-align",
        children="mj-social-element",
    ),
    "mj-social-element": _component(
        *_FONT,
        *_PADDING,
        *_ICONS,
        *_LINK,
        "align",
        "alt",
        "background-color",
        "border-radius",
        "src",
        "srcset",
        "sizes",
        "text-decoration",
        "text-padding",
        "vertical-align",
        html=True,
    ),
    "mj-navbar": _component(
        *_PADDING,
        "align",
        "base-url",
        "hamburger",
        *(
            f"ico-{name}"
            for name in (
                *_PADDING,
                "align",
                "close",
                "color",
                "font-family",
                "font-size",
                "line-height",
                "open",
                "text-decoration",
                "text-transform",
            )
        ),
        children="mj-navbar-link",
    ),
    "mj-navbar-link": _component(*_TEXT, *_PADDING, *_LINK, html=True),
    "mj-accordion": _component(
        *_PADDING,
        *_ICONS,
        "border",
        "container-background-color",
        "font-family",
        children="mj-accordion-element",
    ),
    "mj-accordion-element": _component(
        "background-color",
        "border",
        "font-family",
        *_ICONS,
        children="mj-accordion-title mj-accordion-text",
    ),
    "mj-accordion-title": _component(*_FONT, *_PADDING, "background-color", html=True),
    "mj-accordion-text": _component(*_FONT, *_PADDING, "background-color", html=True),
    "mj-carousel": _component(
        *_PADDING,
        "align",
        "border-radius",
        "container-background-color",
        "icon-width",
        "left-icon",
        "right-icon",
        "thumbnails",
        *(f"tb-{name}" for name in ("border", "border-radius", "hover-border-color", "selected-border-color", "width")),
        children="mj-carousel-image",
    ),
    "mj-carousel-image": _component(
        *_LINK, "alt", "border-radius", "src", "thumbnails-src", "tb-border", "tb-border-radius"
    ),
}
UNSUPPORTED = {
    "mj-include": "Templates can't include files; copy the content here.",
    "mj-html-attributes": "Set the attributes on the elements themselves.",
}
ANYWHERE_IN_ATTRIBUTES = frozenset({"mj-all", "mj-class"})


def allowed_attributes(name: str) -> frozenset[str]:
    """Return the attributes that a component understands."""
    component = COMPONENTS.get(name)
    return COMMON | component.attributes if component else COMMON


def parents_of(name: str) -> list[str]:
    """Return the components in which a component may stand."""
    return [parent for parent, component in COMPONENTS.items() if name in component.children]


ALL_ATTRIBUTES = frozenset().union(*(component.attributes for component in COMPONENTS.values()))
