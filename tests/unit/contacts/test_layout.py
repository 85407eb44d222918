import io

import pytest

from contacts.exceptions import UnreadableFile
from contacts.imports.encodings import detect_encoding
from contacts.imports.layout import inspect_file, preview_file
from contacts.imports.mapping import guess_mapping, guess_type
from contacts.models import ContactField
from contacts.values import Formats

TEXTS = {
    "cp1252": "E-Mail;Nachname\na@example.de;Müller-Lüdenscheidt\nb@example.de;Straße\n",
    "cp1250": "E-mail;Nazwisko\na@example.pl;Żółkiewski\nb@example.pl;Wałęsa\n",
    "cp1251": "E-mail;Имя\nivan@example.ru;Иван Кузнецов\npetr@example.ru;Пётр\n",
    "cp1253": "E-mail;Όνομα\na@example.gr;Χριστίνα Παπαδοπούλου\n",
    "cp1254": "E-posta;Ad\na@example.tr;Şahin Çağrı Yıldız\n",
    "shift_jis": "メール,名前\na@example.jp,山田太郎\nb@example.jp,鈴木一郎\n",
    "utf-8": "email,name\na@example.com,Zoë 山田 Иван\n",
    "utf-16": "email,name\na@example.com,Zoë\n",
    "utf-16-le": "email,name\na@example.com,Zoe\n",
    "utf-16-be": "email,name\na@example.com,Zoe\n",
}


@pytest.mark.parametrize(("encoding", "text"), TEXTS.items())
def test_the_encoding_is_found(encoding: str, text: str) -> None:
    assert detect_encoding(io.BytesIO(text.encode(encoding))) == encoding


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    file = io.BytesIO(b"\xef\xbb\xbfEmail,Name\na@example.com,Ada\n")
    assert preview_file(file, inspect_file(file)).columns == ["Email", "Name"]


def test_a_file_that_is_utf8_but_for_a_few_lines_is_read_as_utf8() -> None:
    lines = [f"a{number}@example.com;Zoë\n".encode() for number in range(50)]
    lines.append("z@example.com;Zoë\n".encode("cp1252"))
    assert detect_encoding(io.BytesIO(b"".join(lines))) == "utf-8"


def test_an_accent_far_down_the_file_counts() -> None:
    content = b"a@example.com;Ada\n" * 100_000 + "z@example.com;Zoë\n".encode("cp1252")
    assert detect_encoding(io.BytesIO(content)) == "cp1252"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b" \r\n\n", "empty"),
        (b"PK\x03\x04xyz", "Excel"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "compressed"),
        (bytes(range(256)) * 40, "not a text file"),
        (b"\xff\xfe\x00\x00a\x00\x00\x00", "UTF-32"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message):
        inspect_file(io.BytesIO(content))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_though_others_stand_in_the_cells(delimiter: str) -> None:
    rows = [["Email", "Note", "City"], ["a@example.com", "one. two: three", "Bonn"], ["b@example.com", "x-y", "Ulm"]]
    text = "\n".join(delimiter.join(row) for row in rows)
    assert inspect_file(io.BytesIO(text.encode())).delimiter == delimiter


def test_a_file_of_one_column_is_read() -> None:
    layout = inspect_file(io.BytesIO(b"a@example.com\nb@example.com\n"))
    assert (layout.delimiter, layout.has_header) == (",", False)


@pytest.mark.parametrize(
    ("content", "has_header"),
    [
        (b"Email,Name\na@example.com,Ada\n", True),
        (b"a@example.com,Ada\nb@example.com,Bo\n", False),
        (b"1,2,a@example.com\n", False),
    ],
)
def test_a_header_is_recognised(content: bytes, has_header: bool) -> None:
    assert inspect_file(io.BytesIO(content)).has_header is has_header


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        ("2026-01-02", "ymd"),
        ("13/02/2026", "dmy"),
        ("02/13/2026", "mdy"),
        ("1.2.2026", "dmy"),
        ("01/02/2026", "mdy"),
        ("none", "ymd"),
    ],
)
def test_the_order_of_dates_is_guessed(dates: str, order: str) -> None:
    assert inspect_file(io.BytesIO(f"email,day\na@example.com,{dates}\n".encode())).date_order == order


@pytest.mark.parametrize(
    ("amount", "comma"), [("1.234,50", True), ("1,234.50", False), ("12,5", True), ("12.5", False), ("1,234", False)]
)
def test_the_decimal_mark_is_guessed(amount: str, comma: bool) -> None:
    assert inspect_file(io.BytesIO(f"email;sum\na@example.com;{amount}\n".encode())).decimal_comma is comma


@pytest.mark.parametrize(
    ("header", "mapping"),
    [
        ("E-Mail-Adresse;Vorname;Nachname;Firma", ["email", "first_name", "last_name", "company"]),
        ("Adresse e-mail;Prénom;Nom;Société", ["email", "first_name", "last_name", "company"]),
        ("Correo electrónico;Nombre;Apellidos;Empresa", ["email", "first_name", "last_name", "company"]),
        (
            "Email Address;First Name;Last Name;Time Zone;Language",
            ["email", "first_name", "last_name", "time_zone", "locale"],
        ),
        ("Indirizzo email;Nome;Cognome", ["email", "first_name", "last_name"]),
        ("Name;E-Mail", ["full_name", "email"]),
        ("E-Mail;Vorname;Name", ["email", "first_name", "last_name"]),
        ("email;Plan;Unknown thing", ["email", "field:plan", ""]),
    ],
)
def test_columns_are_guessed_in_several_languages(header: str, mapping: list[str]) -> None:
    file = io.BytesIO(f"{header}\n".encode())
    guessed = guess_mapping(preview_file(file, inspect_file(file)), [ContactField(key="plan", label="Plan")])
    assert guessed == {str(number): target for number, target in enumerate(mapping) if target}


def test_the_address_is_found_by_what_stands_in_the_column() -> None:
    file = io.BytesIO(b"Ada;ada@example.com\nBo;bo@example.com\n")
    assert guess_mapping(preview_file(file, inspect_file(file)), []) == {"1": "email"}


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["yes", "no"], "boolean"),
        (["1", "2"], "number"),
        (["2026-01-01"], "date"),
        (["a; b", "c; d"], "list"),
        (["Berlin"], "text"),
        (["01234", "05678"], "text"),
        (["+49 30 123"], "text"),
        ([], "text"),
        (["1", "0"], "number"),
    ],
)
def test_the_type_of_a_new_field_is_guessed(values: list[str], type_: str) -> None:
    assert guess_type(values, Formats()) == type_
