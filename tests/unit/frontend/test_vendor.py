"""The browser libraries: what is installed, what is copied, what the import map joins."""

import json
import re
import time
from pathlib import Path

import pytest

from frontend import importmap, vendor


@pytest.fixture(scope="module", autouse=True)
def _vendored() -> None:
    vendor.install()
    vendor.copy_files()


def test_the_lock_file_names_no_host():
    packages = json.loads(vendor.LOCK_FILE.read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]


def test_direct_dependencies_are_pinned_exactly():
    manifest = json.loads((vendor.FRONTEND / "package.json").read_text())
    assert [
        version for version in manifest["dependencies"].values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    ] == []


def test_nothing_is_installed_or_copied_when_nothing_changed():
    started = time.perf_counter()
    assert not vendor.install()
    assert not vendor.copy_files()
    assert time.perf_counter() - started < 1


def test_every_module_that_a_library_imports_is_in_the_import_map():
    imports = json.loads(vendor.IMPORT_MAP.read_text())
    needed = {
        name
        for path in (vendor.VENDOR / "codemirror").glob("*.js")
        for name in re.findall(r"""^import .*? from ['"]([^'"]+)['"]""", path.read_text(), re.MULTILINE)
    }
    assert needed <= set(imports)


def test_every_path_of_the_import_map_is_a_file():
    folders = [vendor.STATIC_VENDOR, vendor.FRONTEND / "static_src"]
    paths = [url.removeprefix("/static/") for url in json.loads(importmap.as_json())["imports"].values()]
    assert [path for path in paths if not any((folder / path).is_file() for folder in folders)] == []


def test_no_source_map_is_promised_that_is_not_there():
    promised = [path.name for path in vendor.VENDOR.rglob("*.js") if "sourceMappingURL=" in path.read_text()[-300:]]
    assert promised == []


def test_libraries_name_no_other_host_to_load_from():
    sheets = [path for path in Path(vendor.VENDOR).rglob("*.css") if re.search(r"url\(['\"]?https?:", path.read_text())]
    assert sheets == []
