"""Header fields: RFC 5322 with RFC 2047 encoded words.  Whatever goes in, no line can be ended or begun by it."""

import re
from base64 import b64encode
from collections.abc import Iterator

# RFC 2047 section 2: an encoded word has at most 75 characters, a line that holds one at most 76.
_LINE = 76
_WORD_OVERHEAD = len("=?utf-8?b??=")
# RFC 5322 2.1.1 forbids more than 998; what can't be folded below this is encoded.
_LONGEST = 900

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def clean(text: str) -> str:
    """Return text without anything that could break a line; runs of such characters become a space."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _UNPRINTABLE.sub(" ", text).strip()


def unstructured(text: str, *, column: int) -> str:
    """Return the value of a field like Subject, folded; `column` is where it begins, after the name and colon."""
    text = clean(text)
    if text.isascii() and "=?" not in text:
        if column + len(text) <= _LINE:
            return text
        folded = _fold(text, column)
        if max(map(len, folded.split("\r\n"))) <= _LONGEST:
            return folded
    return _encoded_words(text, column)


def phrase(name: str, *, column: int) -> str:
    """Return a clean display name: as atoms, as a quoted string, or as encoded words."""
    if name.isascii() and "=?" not in name and len(name) <= _LINE:
        if _ATOMS.fullmatch(name):
            return name
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return _encoded_words(name, column)


def mailbox(name: str, address: str, *, column: int) -> str:
    """Return `name <address>`, folded before the address when the line would get long."""
    name = clean(name)
    if not name:
        return address
    shown = phrase(name, column=column)
    last = len(shown) - (shown.rfind("\r\n") + 2) if "\r\n" in shown else column + len(shown)
    gap = " " if last + len(address) + 3 <= _LINE else "\r\n "
    return f"{shown}{gap}<{address}>"


def _fold(text: str, column: int) -> str:
    """Break at spaces so that lines stay within 76 columns where words allow it; unfolding gives the text again."""
    lines: list[str] = []
    line, width = "", column
    for word in re.findall(r" *[^ ]+", text):
        if line and width + len(word) > _LINE:
            lines.append(line)
            line, width = word, len(word)
        else:
            line += word
            width += len(word)
    return "\r\n".join([*lines, line])


def _encoded_words(text: str, column: int) -> str:
    return "\r\n ".join(f"=?utf-8?b?{b64encode(chunk).decode()}?=" for chunk in _chunks(text, column))


def _chunks(text: str, column: int) -> Iterator[bytes]:
    """Cut text at characters into pieces that fit an encoded word on its line."""
    room = _octets(_LINE - column)
    chunk = b""
    for character in text:
        octets = character.encode()
        if len(chunk) + len(octets) > room and chunk:
            yield chunk
            chunk, room = b"", _octets(_LINE - 1)
        chunk += octets
    yield chunk


def _octets(columns: int) -> int:
    return max((min(columns, _LINE - 1) - _WORD_OVERHEAD) // 4 * 3, 4)
