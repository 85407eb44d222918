"""Secrets at rest."""

import base64

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from core.encryption import DecryptionError, decrypt, encrypt

OLD, NEW = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))
CONTEXT = "mailbox:1"


@given(st.text(max_size=200).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)), st.text("abc:1"))
def test_what_is_encrypted_comes_back(plaintext, context):
    assert decrypt(encrypt(plaintext, context=context), context=context) == plaintext


def test_the_same_secret_looks_different_each_time():
    assert encrypt("secret", context=CONTEXT) != encrypt("secret", context=CONTEXT)


def test_the_first_key_encrypts_and_all_decrypt(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    by_old = encrypt("secret", context=CONTEXT)

    settings.ENCRYPTION_KEYS = [NEW, OLD]
    by_new = encrypt("secret", context=CONTEXT)
    assert by_new.split(".")[0] != by_old.split(".")[0]
    assert decrypt(by_old, context=CONTEXT) == decrypt(by_new, context=CONTEXT) == "secret"

    settings.ENCRYPTION_KEYS = [NEW]
    with pytest.raises(DecryptionError, match="not in ENCRYPTION_KEYS"):
        decrypt(by_old, context=CONTEXT)


def test_a_secret_belongs_to_its_context():
    with pytest.raises(DecryptionError):
        decrypt(encrypt("secret", context="mailbox:1"), context="mailbox:2")


@given(st.data())
def test_a_changed_ciphertext_does_not_open(data):
    ciphertext = encrypt("a secret", context=CONTEXT)
    key_id, _, encoded = ciphertext.partition(".")
    raw = bytearray(base64.b64decode(encoded))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << (bit % 8)

    with pytest.raises(DecryptionError):
        decrypt(f"{key_id}.{base64.b64encode(raw).decode()}", context=CONTEXT)


@given(st.text(max_size=100))
def test_no_other_text_opens(text):
    with pytest.raises(DecryptionError):
        decrypt(text, context=CONTEXT)


@given(st.text(max_size=100))
def test_no_other_text_opens_behind_a_known_key(text):
    key_id = encrypt("", context=CONTEXT).partition(".")[0]

    with pytest.raises(DecryptionError):
        decrypt(f"{key_id}.{text}", context=CONTEXT)


def test_without_keys_nothing_is_encrypted_and_the_error_says_so(settings):
    settings.ENCRYPTION_KEYS = []

    with pytest.raises(ImproperlyConfigured, match="ENCRYPTION_KEYS"):
        encrypt("secret", context=CONTEXT)
