"""Every route of the API, read off the URL configuration, so that a new endpoint is tested the day it is added."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

API = "/api/v1/"
METHODS = ("get", "post", "put", "patch", "delete")
_OWN_ID = re.compile(r"\(\?P<(?:pk|\w+_id)>[^)]*\)|<int:\w+>")
# A part of an object that has no id of its own, as a version's number.
_NUMBER = re.compile(r"\(\?P<number>[^)]*\)")
_PARAMETER = re.compile(r"\(\?P<[^)]*\)|<[^>]*>")


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path; `path` has `{id}` where an object's id goes."""

    method: str
    path: str

    @property
    def resource(self) -> str:
        """The resource's name in the contract."""
        return self.path.removeprefix(API).partition("/")[0]

    @property
    def is_detail(self) -> bool:
        """Whether the path names one object."""
        return "{id}" in self.path

    def at(self, pk: object) -> str:
        """Return the path of one object."""
        return self.path.replace("{id}", str(pk))

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"


def api_routes() -> list[Route]:
    """Return all routes of the API's viewsets, in the order of their paths."""
    return sorted(set(_walk(get_resolver().url_patterns, "/")), key=str)


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        text = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            if API.startswith(text) or text.startswith(API):
                yield from _walk(pattern.url_patterns, text)
        elif text.startswith(API) and (actions := getattr(pattern.callback, "actions", None)):
            path = _NUMBER.sub("1", _OWN_ID.sub("{id}", text)).replace("\\Z", "").replace("$", "")
            assert not _PARAMETER.search(path), f"{path} has a parameter that this module doesn't know."
            cls = pattern.callback.cls  # type: ignore[union-attr]  # what REST framework adds
            allowed = {name.lower() for name in cls.http_method_names}
            yield from (Route(method, path) for method in actions if method in allowed and method in METHODS)
