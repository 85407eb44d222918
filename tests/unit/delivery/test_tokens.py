"""Tokens in a message's URLs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sealing import BadToken
from delivery import tokens

ids = st.integers(min_value=0, max_value=2**63 - 1)


@given(ids, ids, ids)
def test_a_token_says_what_was_put_in(first: int, second: int, third: int) -> None:
    assert tokens.read_open_token(tokens.open_token(first)) == first
    assert tokens.read_view_token(tokens.view_token(first)) == first
    assert tokens.read_link_token(tokens.link_token(first, second)) == (first, second)
    claim = (first, second, third)
    assert tokens.read_unsubscribe_token(tokens.unsubscribe_token(*claim)) == claim
    assert tokens.read_preferences_token(tokens.preferences_token(*claim)) == claim


@given(ids, ids, ids)
def test_a_messages_links_begin_alike(message: int, one: int, other: int) -> None:
    text, begin = tokens.link_tokens(message)
    for link in (one, other, one):
        number, octets = tokens.link_number(link)
        stamp = begin()
        stamp.update(octets)
        assert text + number + stamp.hexdigest() == tokens.link_token(message, link)


@given(ids, ids, ids, ids)
def test_the_stamp_of_one_link_fits_no_other(message: int, link: int, elsewhere: int, other: int) -> None:
    stamp = tokens.link_token(message, link)[-16:]
    forged = tokens.link_token(elsewhere, other)[:-16] + stamp
    if (message, link) != (elsewhere, other):
        with pytest.raises(BadToken):
            tokens.read_link_token(forged)


def test_tokens_are_short() -> None:
    most = 2**63 - 1
    made = [tokens.open_token(most), tokens.link_token(most, most), tokens.unsubscribe_token(most, most, most)]
    assert [len(token) for token in made] == [27, 38, 48]


@given(ids, ids, st.data())
def test_a_token_changed_in_any_character_is_refused(message: int, link: int, data: st.DataObject) -> None:
    token = tokens.link_token(message, link)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019-_.é"))
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(BadToken):
            tokens.read_link_token(changed)


def test_a_token_of_one_kind_is_refused_as_another() -> None:
    with pytest.raises(BadToken):
        tokens.read_view_token(tokens.open_token(7))
    with pytest.raises(BadToken):
        tokens.read_preferences_token(tokens.unsubscribe_token(1, 2, 3))


@pytest.mark.parametrize("token", ["", "a", "====", "/../..", "A" * 27, "\N{SNOWMAN}"])
def test_rubbish_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        tokens.read_open_token(token)


def test_a_token_survives_a_change_of_the_secret_key_through_the_fallbacks(settings) -> None:
    token = tokens.open_token(42)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of at least thirty-two characters"
    assert tokens.read_open_token(token) == 42
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(BadToken):
        tokens.read_open_token(token)


def test_link_ids_differ_by_mailing_and_url_and_fit_a_bigint() -> None:
    assert tokens.link_id(1, "https://a.example/") == tokens.link_id(1, "https://a.example/")
    assert tokens.link_id(1, "https://a.example/") != tokens.link_id(2, "https://a.example/")
    assert tokens.link_id(1, "https://a.example/") != tokens.link_id(1, "https://b.example/")
    assert 0 <= tokens.link_id(2**63 - 1, "https://münchen.example/") < 2**63
