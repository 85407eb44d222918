"""The import map: how the browser finds ES modules without a bundler, also under hashed file names."""

import json
from functools import cache
from pathlib import Path

from django.conf import settings
from django.templatetags.static import static
from django.utils.safestring import SafeString, mark_safe

from frontend.vendor import IMPORT_MAP

OWN_MODULES = Path(__file__).resolve().parent / "static_src" / "js"
CLASSIC_SCRIPTS = frozenset({"theme.js"})


def as_json() -> SafeString:
    """Returns the map as JSON that is safe inside a script element. Computed once outside of DEBUG."""
    return _build() if settings.DEBUG else _build_once()


def _build() -> SafeString:
    paths: dict[str, str] = json.loads(IMPORT_MAP.read_text(encoding="utf-8")) if IMPORT_MAP.exists() else {}
    for path in sorted(OWN_MODULES.glob("*.js")):
        if path.name not in CLASSIC_SCRIPTS:
            paths[f"@drumbeat/{path.stem}"] = f"js/{path.name}"
    imports = {name: static(path) for name, path in paths.items()}
    return mark_safe(json.dumps({"imports": imports}).replace("<", "\\u003c"))  # noqa: S308  (our own static paths)


_build_once = cache(_build)
