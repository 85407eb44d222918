"""Which bytes these are: the encoding of a CSV file, found by reading it, never by its name."""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from charset_normalizer import from_bytes

from contacts.exceptions import UnreadableFile

BLOCK = 1 << 20
HEAD = 1 << 16
SAMPLE = 1 << 16

# What people can choose, by the codec's name.
ENCODINGS = {
    "utf-8": "Unicode (UTF-8)",
    "utf-16": "Unicode (UTF-16)",
    "utf-16-le": "Unicode (UTF-16, little-endian)",
    "utf-16-be": "Unicode (UTF-16, big-endian)",
    "cp1252": "Western (Windows-1252)",
    "iso8859-15": "Western (ISO 8859-15)",
    "mac-roman": "Western (Mac)",
    "cp850": "Western (DOS)",
    "cp1250": "Central European (Windows-1250)",
    "iso8859-2": "Central European (ISO 8859-2)",
    "cp1251": "Cyrillic (Windows-1251)",
    "koi8-r": "Cyrillic (KOI8-R)",
    "cp1253": "Greek (Windows-1253)",
    "cp1254": "Turkish (Windows-1254)",
    "cp1255": "Hebrew (Windows-1255)",
    "cp1256": "Arabic (Windows-1256)",
    "shift_jis": "Japanese (Shift JIS)",
    "euc_jp": "Japanese (EUC)",
    "gb18030": "Chinese (GB 18030)",
    "big5": "Chinese (Big5)",
    "cp949": "Korean (Windows-949)",
}

_BOMS = (
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES = (
    (b"PK\x03\x04", "This is an Excel workbook or a zip archive. In your spreadsheet program, save the sheet as CSV."),
    (b"\xd0\xcf\x11\xe0", "This is an old Excel workbook. In your spreadsheet program, save the sheet as CSV."),
    (b"%PDF", "This is a PDF. Please upload a CSV file."),
    (b"\x1f\x8b", "This file is compressed. Please unpack it and upload the CSV file in it."),
    (b"{\\rtf", "This is a text document. Please upload a CSV file."),
)
_NO_TEXT = "This is not a text file. Please upload a CSV file."
_CANDIDATES = [
    "cp1252",
    "latin_1",
    "iso8859_15",
    "mac_roman",
    "cp850",
    "cp437",
    "cp1250",
    "iso8859_2",
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "shift_jis",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
]


def detect_encoding(file: BinaryIO) -> str:
    """Return the codec's name.  Reads the whole file, a block at a time, and leaves it at its start.

    Valid UTF-8 is taken as such. A file that is UTF-8 but for a few lines is too: these lines are rejected one by one.
    Raises UnreadableFile for an empty file and for what isn't text.
    """
    file.seek(0)
    head = file.read(HEAD)
    try:
        return _by_head(head) or _by_content(file)
    finally:
        file.seek(0)


def _by_head(head: bytes) -> str:
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise UnreadableFile("The file is empty.")
    for signature, message in _SIGNATURES:
        if head.startswith(signature):
            raise UnreadableFile(message)
    for bom, name in _BOMS:
        if head.startswith(bom):
            if not name:
                raise UnreadableFile("UTF-32 is not supported. Please save the file as UTF-8.")
            return name
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(len(head) // 2, 1)
    if odd > half * 0.4 and even < half * 0.1:
        return "utf-16-le"
    if even > half * 0.4 and odd < half * 0.1:
        return "utf-16-be"
    controls = sum(head.count(code) for code in (*range(9), *range(14, 27), *range(28, 32), 127))
    if controls > max(len(head) * 0.02, 8):
        raise UnreadableFile(_NO_TEXT)
    return ""


def _by_content(file: BinaryIO) -> str:
    file.seek(0)
    if _is_utf8(file):
        return "utf-8"
    file.seek(0)
    lines = list(_foreign_lines(file))
    valid = sum(1 for line in lines if _decodes(line))
    if valid >= len(lines) * 0.8:
        return "utf-8"
    return _guess(b"\n".join(lines))


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := file.read(BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _foreign_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines that aren't ASCII, about SAMPLE bytes of them."""
    taken = 0
    for line in iter(lambda: file.readline(HEAD), b""):
        if not line.isascii():
            yield line
            taken += len(line)
            if taken > SAMPLE:
                return


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _guess(sample: bytes) -> str:
    """Choose among the encodings of one byte a letter and the East Asian ones.

    Latin scripts mix accented letters with plain ones within a word; others don't. Which Latin encoding it is, the accented
    letters tell: read wrongly, they become signs or letters of no one language. The rest is charset-normalizer's.
    """
    if _is_latin(sample):
        for name, letters in _LATIN.items():
            if _fits(sample, name, letters):
                return name
    best = from_bytes(sample, cp_isolation=_CANDIDATES, language_threshold=0.0).best()
    name = codecs.lookup(best.encoding).name if best else "cp1252"
    name = {"cp437": "cp850", "iso8859-1": "cp1252", "iso8859-15": "cp1252"}.get(name, name)
    return name if name in ENCODINGS else "cp1252"


_WESTERN = frozenset("äöüÄÖÜßéèêëÉÈÊàâÀÂáÁåÅçÇñÑóÓòôøØúÚùûíÍìîïæÆœŒãõÃÕ€’‘“”–—…·«»°©®\u00a0")
_CENTRAL = frozenset("ąćęłńóśźżĄĆĘŁŃÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽäöüőűÄÖÜŐŰßăâîșşțţĂÂÎŞŢľĺŕôđĐ€’‘“”„–—…\u00a0")
_TURKISH = frozenset("çğıöşüÇĞİÖŞÜâîû€’‘“”–—…\u00a0")
_LATIN = {
    "cp1252": _WESTERN,
    "cp1254": _TURKISH,
    "cp1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "mac-roman": _WESTERN,
    "cp850": _WESTERN,
}
_WORD = re.compile(rb"[A-Za-z\x80-\xff]{2,}")


def _is_latin(sample: bytes) -> bool:
    foreign = [word for word in _WORD.findall(sample) if not word.isascii()]
    mixed = sum(re.search(rb"[A-Za-z]", word) is not None for word in foreign)
    return mixed >= len(foreign) * 0.7


def _fits(sample: bytes, name: str, letters: frozenset[str]) -> bool:
    try:
        text = sample.decode(name)
    except UnicodeDecodeError:
        return False
    marks = [letter for letter in text if not letter.isascii()]
    return sum(letter in letters for letter in marks) >= len(marks) * 0.97
