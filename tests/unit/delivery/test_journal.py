"""The journal's file."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from delivery import journal
from delivery.journal import Journal, Outcome, Start, decode, encode

ids = st.integers(0, 2**63 - 1)
moments = st.floats(0, 4e9, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
entries = st.lists(
    st.one_of(st.builds(Start, ids), st.builds(Outcome, ids, st.integers(1, 12), moments, texts)), max_size=20
)


@given(entries)
def test_entries_are_read_as_they_were_written(written) -> None:
    assert list(decode(b"".join(map(encode, written)))) == written


@given(entries, st.data())
def test_a_file_cut_anywhere_gives_a_prefix_of_the_entries(written, data: st.DataObject) -> None:
    stream = b"".join(map(encode, written))
    cut = data.draw(st.integers(0, len(stream)))
    found = list(decode(stream[:cut]))
    assert found == written[: len(found)]
    if cut == len(stream):
        assert found == written


@given(entries, st.data())
def test_a_changed_octet_is_never_read_as_another_entry(written, data: st.DataObject) -> None:
    stream = bytearray(b"".join(map(encode, written)))
    if stream:
        place = data.draw(st.integers(0, len(stream) - 1))
        stream[place] ^= data.draw(st.integers(1, 255))
    found = list(decode(bytes(stream)))
    assert found == written[: len(found)]


@given(st.binary(max_size=300))
def test_rubbish_is_no_journal(data: bytes) -> None:
    list(decode(data))


def test_a_living_processs_journal_is_not_abandoned(tmp_path: Path) -> None:
    made = Journal(tmp_path)
    assert list(journal.abandoned(tmp_path)) == []
    assert journal.present(tmp_path) == {made.name}
    made.close()
    assert journal.present(tmp_path) == set()


def test_what_was_noted_since_the_last_commit_is_kept(tmp_path: Path) -> None:
    made = Journal(tmp_path)
    made.note(map(encode, [Start(1), Outcome(1, 4, 5.0, "250 ok")]))
    made.forget()
    made.note(map(encode, [Start(2)]))
    made.note(map(encode, [Outcome(2, 4, 6.0, "250 ok"), Start(3)]))
    made.close(keep=True)
    (notes,) = [dead.notes for dead in journal.abandoned(tmp_path)]
    assert notes.same_boot
    assert notes.started == {2, 3}
    assert set(notes.outcomes) == {2}


def test_two_settlers_never_share_a_journal(tmp_path: Path) -> None:
    Journal(tmp_path).close(keep=True)
    outer = journal.abandoned(tmp_path)
    dead = next(outer)
    assert list(journal.abandoned(tmp_path)) == []
    dead.remove()
    assert list(outer) == []


def test_a_journal_of_another_boot_is_not_trusted_and_a_foreign_file_says_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(journal, "boot_id", lambda: b"before")
    made = Journal(tmp_path)
    made.note(map(encode, [Start(1)]))
    made.close(keep=True)
    monkeypatch.undo()
    (tmp_path / f"foreign{journal.SUFFIX}").write_bytes(b"\x00" * 50)
    notes = {dead.notes.name: dead.notes for dead in journal.abandoned(tmp_path)}
    assert not notes[made.name].same_boot
    assert notes[made.name].started == {1}
    assert not notes["foreign"].same_boot
