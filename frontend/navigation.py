"""The main navigation: one fixed list of URL names. An entry appears with its app: a name that doesn't resolve is left out."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as declared: its label, URL name, icon (sections only) and the entries below it."""

    label: str
    url_name: str
    icon: str = ""
    children: tuple["Entry", ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as drawn. ``current`` is the page we are on, ``open`` a section that holds it."""

    label: str
    url: str
    icon: str
    current: bool
    open: bool
    children: tuple["Link", ...]


NAVIGATION: tuple[Entry, ...] = (
    Entry("Dashboard", "analytics:dashboard", "layout-dashboard"),
    Entry("Campaigns", "campaigns:list", "send"),
    Entry(
        "Contacts",
        "contacts:list",
        "users",
        (
            Entry("Lists", "contacts:lists"),
            Entry("Segments", "contacts:segments"),
            Entry("Imports", "contacts:imports"),
            Entry("Suppressions", "contacts:suppressions"),
        ),
    ),
    Entry("Templates", "templates_lib:list", "template"),
    Entry("Mailboxes", "delivery:mailboxes", "mail"),
    Entry(
        "Settings",
        "team:settings",
        "settings",
        (
            Entry("Team", "team:members"),
            Entry("API tokens", "team:tokens"),
            Entry("Audit trail", "team:audit"),
        ),
    ),
)


def build(path: str, current: str = "", entries: tuple[Entry, ...] = NAVIGATION) -> list[Link]:
    """Returns the links for the page at ``path``.

    The current entry is the one named ``current``, else the one whose URL is the longest prefix of ``path``.
    """
    urls = dict(_resolved(entries))
    if not current:
        matches = [(len(url), name) for name, url in urls.items() if _covers(url, path)]
        current = max(matches)[1] if matches else ""
    links = (_link(entry, urls, current) for entry in entries)
    return [link for link in links if link is not None]


def _resolved(entries: tuple[Entry, ...]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        try:
            yield entry.url_name, reverse(entry.url_name)
        except NoReverseMatch:
            continue
        finally:
            yield from _resolved(entry.children)


def _covers(url: str, path: str) -> bool:
    return path == url or (url != "/" and path.startswith(url.rstrip("/") + "/"))


def _link(entry: Entry, urls: dict[str, str], current: str) -> Link | None:
    children = tuple(link for link in (_link(child, urls, current) for child in entry.children) if link is not None)
    if entry.url_name not in urls:
        if not children:
            return None
        return Link(entry.label, children[0].url, entry.icon, False, any(c.current for c in children), children)
    is_current = entry.url_name == current
    return Link(
        entry.label,
        urls[entry.url_name],
        entry.icon,
        is_current,
        is_current or any(child.current for child in children),
        children,
    )
