import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.exceptions import UnreadableFile
from contacts.imports.records import MAX_LOST_QUOTES, MAX_RECORD, Record, RecordReader


def read(content: bytes, *, encoding: str = "utf-8", delimiter: str = ",") -> list[Record]:
    return list(RecordReader(io.BytesIO(content), encoding=encoding, delimiter=delimiter))


def test_blank_records_are_left_out_and_lines_are_counted_across_quoted_line_ends() -> None:
    records = read(b'a,b\r\n\r\n1,"x\ny"\n , \n3,4')
    assert [(record.line, record.cells) for record in records] == [(1, ["a", "b"]), (3, ["1", "x\ny"]), (6, ["3", "4"])]


def test_a_quote_that_is_never_closed_costs_one_line() -> None:
    records = read(b'1,2\n3,"never\n5,6\n7,"8"\n9,10\n')
    assert [record.line for record in records] == [1, 2, 3, 4, 5]
    assert [bool(record.problem) for record in records] == [False, True, False, False, False]
    assert records[3].cells == ["7", "8"]


@pytest.mark.parametrize("content", [b'1,"x', b'1,"x\n', b'"'])
def test_a_quote_open_at_the_end_of_the_file_is_reported(content: bytes) -> None:
    (record,) = read(content)
    assert "never closed" in record.problem


def test_a_quote_in_the_wrong_place_costs_its_line() -> None:
    records = read(b'1,"a"b\n2,a"b\n')
    assert "wrong place" in records[0].problem
    assert records[1].cells == ["2", 'a"b']


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_cell_of_ten_megabytes_costs_its_line_alone(quote: bytes) -> None:
    records = read(b"1,2\n3," + quote + b"x" * 10_000_000 + quote + b"\n5,6\n")
    assert [record.cells for record in records if not record.problem] == [["1", "2"], ["5", "6"]]
    assert "longer than" in records[1].problem
    assert len(records[1].cells[1]) <= MAX_RECORD


def test_a_file_full_of_lost_quotes_is_given_up_with_the_line() -> None:
    with pytest.raises(UnreadableFile, match=r"line \d+"):
        read(b'1,"x\n2,3\n' * 2 * (MAX_LOST_QUOTES + 5))


def test_bytes_of_another_encoding_mark_their_line() -> None:
    records = read("1,Zoë\n".encode() + "2,Zoë\n".encode("cp1252") + b"3,Zoe\n")
    assert [bool(record.problem) for record in records] == [False, True, False]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252", "mac-roman"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_are_read(encoding: str, end: str) -> None:
    content = f"a;ü{end}b;é{end}".encode(encoding)
    records = read(content, encoding="utf-8" if encoding == "utf-8-sig" else encoding, delimiter=";")
    assert [record.cells for record in records] == [["a", "ü"], ["b", "é"]]


cells = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00\r"), max_size=12)


@given(
    st.lists(st.lists(cells, min_size=1, max_size=4).filter(lambda row: any(cell.strip() for cell in row)), max_size=8),
    st.sampled_from(",;\t|"),
)
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    records = read(text.getvalue().encode(), delimiter=delimiter)
    assert [record.cells for record in records] == rows


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader_and_no_line_is_read_twice(content: bytes) -> None:
    records = read(content)
    lines = [record.line for record in records]
    assert lines == sorted(set(lines))


@given(st.text(alphabet='a",\n', max_size=60))
def test_quotes_in_any_place_lose_at_most_their_own_lines(text: str) -> None:
    records = read(text.encode())
    assert all(record.line <= text.count("\n") + 1 for record in records)
    plain = {number for number, line in enumerate(text.split("\n"), start=1) if line.strip(",") and '"' not in line}
    inside = {
        record.line + offset
        for record in records
        if not record.problem
        for offset in range(1, "".join(record.cells).count("\n") + 1)
    }
    assert plain <= {record.line for record in records} | inside
