"""The layers of the design, as import-linter's contracts say them."""

import subprocess
import sys
import tomllib
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]


def contracts() -> dict[str, object]:
    settings: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return settings


def own_apps() -> set[str]:
    return {config.label for config in apps.get_app_configs() if Path(config.path).parent == ROOT}


def test_every_import_keeps_to_the_contracts() -> None:
    # In a process of its own: import-linter sets logging up anew, and that would silence every logger that exists here.
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_app_is_outside_the_contracts() -> None:
    assert own_apps() == set(contracts()["root_packages"])  # type: ignore[call-overload]


def test_no_import_is_excused() -> None:
    assert "ignore_imports" not in (ROOT / "pyproject.toml").read_text()
