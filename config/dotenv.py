"""Reading `.env` files."""

import re
from pathlib import Path

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")


def read_dotenv(path: Path) -> dict[str, str]:
    """Read `NAME=value` lines; blank lines and lines that start with # are skipped, quotes around a value are dropped.

    A missing file is an empty one. Raises ValueError, naming the line, if a line is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise ValueError(f"{path.name} is not UTF-8 text") from None
    values: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{path.name} line {number} is not of the form NAME=value")
        values[match["name"]] = _unquote(match["value"])
    return values


def _unquote(value: str) -> str:
    if value[:1] in {'"', "'"}:
        quoted, closing, rest = value[1:].partition(value[0])
        rest = rest.strip()
        return quoted if closing and (not rest or rest.startswith("#")) else value
    return re.split(r"(?:^|\s+)#", value, maxsplit=1)[0].strip()
