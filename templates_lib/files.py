"""Templates as files: our own JSON with everything in it, or the bare source (.mjml, .html, .txt)."""

import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from templates_lib.content import Content
from templates_lib.exceptions import UnusableFile
from templates_lib.models import Format, TemplateVersion

KIND = "drumbeat-template"
MAX_BYTES = 2_000_000
_SUFFIXES = {".mjml": Format.MJML, ".html": Format.HTML, ".htm": Format.HTML, ".txt": Format.TEXT}
_TEXTS = ("subject", "preheader", "source", "text_source")


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """What a file holds."""

    name: str
    description: str
    content: Content


def write_file(version: TemplateVersion) -> bytes:
    """Return a version as a file of our own kind, UTF-8 JSON."""
    template = version.template
    body = {
        "kind": KIND,
        "version": 1,
        "name": template.name,
        "description": template.description,
        "format": version.format,
        **{name: getattr(version, name) for name in _TEXTS},
    }
    return json.dumps(body, ensure_ascii=False, indent=2).encode()


def read_file(filename: str, data: bytes) -> TemplateFile:
    """Return what an uploaded file holds.  Raises UnusableFile."""
    if len(data) > MAX_BYTES:
        raise UnusableFile(f"The file has {len(data) / 1e6:.1f} MB; a template has at most {MAX_BYTES / 1e6:.0f} MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnusableFile(f"The file isn’t UTF-8 text (line {line}). Save it as UTF-8 and try again.") from error
    path = PurePath(filename)
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _read_own(text)
    if suffix not in _SUFFIXES:
        raise UnusableFile("Choose a .json file exported here, or a .mjml, .html or .txt file.")
    format_ = _SUFFIXES[suffix]
    if format_ == Format.HTML and "<mjml" in text[:5000].lower():
        format_ = Format.MJML
    name = path.stem.replace("_", " ").replace("-", " ").strip() or "Imported template"
    return TemplateFile(name[:120].capitalize(), "", Content(format_, "", text))


def _read_own(text: str) -> TemplateFile:
    try:
        body: Any = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UnusableFile("The file isn’t valid JSON.") from error
    if not isinstance(body, dict) or body.get("kind") != KIND:
        raise UnusableFile("The file wasn’t exported from a template library.")
    values = {name: body.get(name, "") for name in ("name", "description", "format", *_TEXTS)}
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    if wrong or values["format"] not in Format.values:
        raise UnusableFile(f"The file’s “{(wrong or ['format'])[0]}” can’t be read.")
    content = Content(values["format"], values["subject"], values["source"], values["preheader"], values["text_source"])
    return TemplateFile(values["name"].strip()[:120] or "Imported template", values["description"], content)
