"""Other apps come in by the doors alone: models, services, selectors, events, exceptions and the modules named here."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = sorted(path.parent.name for path in ROOT.glob("*/apps.py"))
# What everything above may import in full.
OPEN_APPS = {"core", "frontend"}
DOORS = {"models", "services", "selectors", "events", "exceptions"}
# Pure modules (no database, no writes), entered by name: docs/decisions/0004-doors.md says why each.
PURE = {
    ("templates_lib", "rendering"),
    ("abtests", "statistics"),
    ("abtests", "intervals"),
    ("contacts", "tags"),
    ("delivery", "tokens"),
    ("tracking", "hits"),
}
# What an edge (views, API, middleware) builds on: who is signed in, what they may do, the base of every API resource, the
# dialog that shares an object.
EDGE_DOORS = {("team", "access"), ("team", "api"), ("team", "attempts"), ("team", "sharing")}
EDGES = {"views", "api", "admin", "middleware"}
# The page of URLs joins every app's own.
URLS = {"urls", "api", "views"}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of everything a file imports, `from a import b` as `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def is_allowed(importer: Path, name: str) -> bool:
    """Tell whether `importer` may import `name`."""
    app, _, rest = name.partition(".")
    own = importer.relative_to(ROOT).parts[0]
    if app not in APPS or app == own or app in OPEN_APPS:
        return True
    door = rest.split(".")[0]
    if importer == ROOT / "config" / "urls.py" and door in URLS:
        return True
    inside = importer.relative_to(ROOT).parts[1].removesuffix(".py")
    return door in DOORS or (app, door) in PURE or (inside in EDGES and (app, door) in EDGE_DOORS)


def levels() -> dict[str, int]:
    """Return each app's layer by the contract in pyproject.toml, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (contract["layers"] for contract in settings["contracts"] if contract["id"] == "apps")
    return {app: level for level, layer in enumerate(layers) for app in re.findall(r"\w+", layer)}


def sources(app: str) -> list[Path]:
    return [path for path in sorted((ROOT / app).rglob("*.py")) if not {"migrations", "node_modules"} & set(path.parts)]


@pytest.mark.parametrize("app", APPS)
def test_an_app_is_entered_by_its_doors(app: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(app)
        for line, name in imports(path)
        if not is_allowed(path, name)
    ]
    assert wrong == []


@pytest.mark.parametrize("app", APPS)
def test_even_an_import_for_types_alone_goes_down(app: str) -> None:
    level = levels()
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sources(app)
        for line, name in imports(path)
        if (other := name.partition(".")[0]) != app and level.get(other, len(level)) <= level[app]
    ]
    assert wrong == []


@pytest.mark.parametrize("app", APPS)
def test_no_import_is_relative(app: str) -> None:
    relative = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(app)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


@pytest.mark.parametrize("app", APPS)
def test_time_enters_by_the_clock_alone(app: str) -> None:
    """`datetime.now`, `timezone.now` and SQL's `now()` would make a simulated fortnight last a fortnight."""
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources(app)
        if path != ROOT / "core" / "clock.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today"}
        and isinstance(node.value, ast.Name)
        and node.value.id in {"datetime", "timezone", "date"}
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("importer", "name", "allowed"),
    [
        ("campaigns/services.py", "delivery.services.queue_messages", True),
        ("campaigns/services.py", "delivery.claims", False),
        ("campaigns/services.py", "core.clock.now", True),
        ("campaigns/services.py", "templates_lib.rendering.render", True),
        ("campaigns/services.py", "templates_lib.liquid", False),
        ("campaigns/services.py", "campaigns.audience", True),
        ("campaigns/services.py", "django.db.models", True),
        ("config/urls.py", "contacts.urls", True),
        ("config/beat.py", "contacts.urls", False),
        ("contacts/views/lists.py", "team.access.member_view", True),
        ("contacts/services/lists.py", "team.access.member_view", False),
        ("contacts/api/viewsets.py", "team.api.base.ReadMixin", True),
    ],
)
def test_the_rule_itself(importer: str, name: str, *, allowed: bool) -> None:
    assert is_allowed(ROOT / importer, name) is allowed
