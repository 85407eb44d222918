"""The main navigation: one fixed list of URL names.

An entry appears with its app (a name that doesn't resolve is left out) and only for those who may open its page.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as declared: its label, URL name, icon (sections only) and the entries below it.

    ``needs`` names what one must be allowed to do to see it; empty: nothing.
    """

    label: str
    url_name: str
    icon: str = ""
    children: tuple["Entry", ...] = ()
    needs: str = ""


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
    Entry(
        "Campaigns",
        "campaigns:list",
        "send",
        (
            Entry("A/B tests", "abtests:list"),
            Entry("Sign-up forms", "campaigns:forms"),
            Entry("Sending", "analytics:sending"),
        ),
    ),
    Entry(
        "Contacts",
        "contacts:list",
        "users",
        (
            Entry("Lists", "contacts:lists"),
            Entry("Segments", "contacts:segments"),
            Entry("Imports", "contacts:imports"),
            Entry("Suppressions", "contacts:suppressions"),
            Entry("Fields", "contacts:fields"),
        ),
    ),
    Entry("Templates", "templates_lib:list", "template"),
    Entry("Mailboxes", "delivery:mailboxes", "mail", (Entry("Sending domains", "delivery:domains"),)),
    Entry(
        "Settings",
        "team:settings",
        "settings",
        (
            Entry("Team", "team:members"),
            Entry("API tokens", "team:tokens", needs="manage"),
            Entry("Incoming webhooks", "integrations:sources", needs="manage"),
            Entry("Outgoing webhooks", "integrations:webhooks", needs="manage"),
            Entry("Held-out group", "campaigns:holdout_group"),
            Entry("Audit trail", "team:audit", needs="manage"),
        ),
    ),
)


def build(
    path: str,
    current: str = "",
    entries: tuple[Entry, ...] = NAVIGATION,
    may: Callable[[str], bool] = lambda needs: False,
) -> list[Link]:
    """Returns the links for the page at ``path``.

    The current entry is the one named ``current``, else the one whose URL is the longest prefix of ``path``.
    ``may`` tells whether whoever looks is allowed what an entry needs; by default nobody is.
    """
    urls = dict(_resolved(entries, may))
    if not current:
        matches = [(len(url), name) for name, url in urls.items() if _covers(url, path)]
        current = max(matches)[1] if matches else ""
    links = (_link(entry, urls, current) for entry in entries)
    return [link for link in links if link is not None]


def _resolved(entries: tuple[Entry, ...], may: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if not entry.needs or may(entry.needs):
            with suppress(NoReverseMatch):
                yield entry.url_name, reverse(entry.url_name)
        yield from _resolved(entry.children, may)


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
