"""Tokens in URLs: what is sealed comes back, and nothing else does."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import sealing
from core.sealing import BadToken, seal, unseal

payloads = st.binary(max_size=64)
PURPOSE = b"open"


@given(payloads, st.binary(max_size=16))
def test_what_is_sealed_comes_back(payload, purpose):
    assert unseal(purpose, seal(purpose, payload)) == payload


@given(payloads)
def test_a_token_needs_no_quoting_in_a_url(payload):
    assert set(seal(PURPOSE, payload)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(payloads, st.data())
def test_one_flipped_bit_spoils_a_token(payload, data):
    raw = bytearray(base64.urlsafe_b64decode(seal(PURPOSE, payload) + "=="))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << (bit % 8)

    with pytest.raises(BadToken):
        unseal(PURPOSE, base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@given(payloads, st.data())
def test_one_changed_character_spoils_a_token(payload, data):
    token = seal(PURPOSE, payload)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda character: character != token[at]))

    with pytest.raises(BadToken):
        unseal(PURPOSE, token[:at] + other + token[at + 1 :])


@given(st.text(max_size=80))
def test_no_text_that_was_not_sealed_is_a_token(text):
    with pytest.raises(BadToken):
        unseal(PURPOSE, text)


@given(payloads)
def test_a_token_for_one_purpose_is_none_for_another(payload):
    with pytest.raises(BadToken):
        unseal(b"unsubscribe", seal(PURPOSE, payload))


@pytest.mark.parametrize("extra", ["=", "==", "A", "\n", " "])
def test_there_is_one_spelling_of_a_token(extra):
    with pytest.raises(BadToken):
        unseal(PURPOSE, seal(PURPOSE, b"payload") + extra)


def test_a_cut_token_is_none():
    token = seal(PURPOSE, b"payload")

    for length in range(len(token)):
        with pytest.raises(BadToken):
            unseal(PURPOSE, token[:length])


def test_a_token_survives_a_new_key_as_long_as_the_old_one_is_a_fallback(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old" * 20, []
    token = seal(PURPOSE, b"payload")

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, ["older" * 20, "old" * 20]
    assert unseal(PURPOSE, token) == b"payload"
    assert seal(PURPOSE, b"payload") != token

    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(BadToken):
        unseal(PURPOSE, token)


def test_the_signature_is_ninety_six_bits():
    assert sealing.MAC_BYTES * 8 == 96
