import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from contacts.addresses import BadAddressError, check_address, email_key

PLAIN = "ab.-_+'1!xN@"


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com",
        "a@b.co",
        "o'hara+news@sub.example.co.uk",
        "x_y-z@1and1.de",
        "jörg@münchen.de",
        "a@xn--mnchen-3ya.de",
    ],
)
def test_an_address_is_taken(address: str) -> None:
    assert email_key(check_address(address)) == email_key(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "  ",
        "ada",
        "ada@",
        "@example.com",
        "a..b@example.com",
        ".a@example.com",
        "a@example",
        "a@example.123",
        "a@1.2.3.4",
        "a b@example.com",
        "a@-example.com",
        "a@example-.com",
        "Ada <ada@example.com>",
        "a@b@c.de",
        '"a b"@example.com',
        "a@[1.2.3.4]",
        "a@exa mple.com",
        "a@example.com.",
        "a\x00@example.com",
        "a\n@example.com",
        "x" * 65 + "@example.com",
        "a@" + "x" * 64 + ".com",
        "a@" + ".".join(["x" * 50] * 6) + ".com",
        "ada@example.com\nbcc@example.com",
        "a,b@example.com",
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(address: str) -> None:
    with pytest.raises(BadAddressError, match=r"\w"):
        check_address(address)


def test_the_domain_is_kept_in_lower_case_and_blanks_around_are_dropped() -> None:
    assert check_address(" Ada.Lovelace@Example.COM ") == "Ada.Lovelace@example.com"


def test_two_spellings_of_one_address_have_one_key() -> None:
    assert email_key("Ada@Example.com") == email_key("ada@EXAMPLE.COM")
    assert email_key("x@münchen.de") == email_key("X@xn--mnchen-3ya.DE") == email_key("x@MÜNCHEN.de")
    assert email_key("a.b@example.com") != email_key("ab@example.com")


@given(st.text(alphabet=PLAIN, max_size=20), st.lists(st.text(alphabet="ab1-", max_size=8), max_size=4))
def test_the_fast_check_takes_nothing_that_the_full_validator_refuses(local: str, labels: list[str]) -> None:
    address = f"{local}@{'.'.join(labels)}"
    try:
        check_address(address)
    except BadAddressError:
        return
    try:
        validate_email(address.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        pytest.fail(f"{address!r} was taken, but {error}")


@given(st.emails())
def test_every_common_address_is_taken_and_its_key_is_stable(address: str) -> None:
    try:
        kept = check_address(address)
    except BadAddressError:
        with pytest.raises(EmailNotValidError):
            validate_email(address, check_deliverability=False, test_environment=True)
        return
    assert email_key(kept) == email_key(address) == email_key(email_key(address))
