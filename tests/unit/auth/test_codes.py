"""Codes of apps and on paper, held to what the RFCs publish."""

import base64
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.codes import SKEW, folded_code, is_totp, new_recovery_codes, new_secret, step_of, uri_of
from tests.support.totp import code_at
from tests.unit.auth.people import NOON

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
RFC_6238 = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
"""RFC 6238, appendix B, the rows of SHA1: seconds of Unix time to the code of eight digits, of which the last six are ours."""
RFC_4226 = ("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489")
"""RFC 4226, appendix D: the codes of the counters 0 to 9."""

secrets = st.binary(min_size=20, max_size=20).map(lambda raw: base64.b32encode(raw).decode())
times = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (the strategy wants it so)


@pytest.mark.parametrize(("seconds", "code"), list(RFC_6238.items()))
def test_the_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    assert step_of(RFC_SECRET, code[2:], at) == seconds // 30
    assert code_at(RFC_SECRET, at) == code[2:]


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC_4226)))
def test_the_codes_are_those_of_rfc_4226_by_counter(counter: int, code: str) -> None:
    assert step_of(RFC_SECRET, code, datetime.fromtimestamp(30 * max(counter, SKEW), UTC)) == counter


@given(secrets, times, st.integers(-5, 5))
def test_a_code_is_good_in_its_own_step_and_one_before_and_after(secret: str, at: datetime, off: int) -> None:
    now = int(at.timestamp()) // 30
    shown = code_at(secret, at + timedelta(seconds=30 * off))
    window = {step: code_at(secret, datetime.fromtimestamp(30 * step, UTC)) for step in range(now - SKEW, now + SKEW + 1)}
    good: list[int | None] = [step for step, code in window.items() if code == shown]  # twice, once in a million times
    assert step_of(secret, shown, at) in (good or [None])
    assert bool(good) or abs(off) > SKEW


@given(secrets, times, st.text(max_size=12))
def test_whatever_is_no_code_is_the_code_of_no_step(secret: str, at: datetime, text: str) -> None:
    code = folded_code(text)
    if not is_totp(code):
        assert step_of(secret, code, at) is None


def test_a_secret_has_160_random_bits_and_is_told_in_an_address_that_apps_read() -> None:
    secret = new_secret(Random(1).randbytes)
    assert len(base64.b32decode(secret)) == 20
    assert secret != new_secret(Random(2).randbytes)
    told = urlsplit(uri_of(secret, "änna+x@example.org"))
    assert (told.scheme, told.netloc, unquote(told.path)) == ("otpauth", "totp", "/Support Ticket Express:änna+x@example.org")
    assert parse_qs(told.query) == {"secret": [secret], "issuer": ["Support Ticket Express"]}


def test_recovery_codes_have_120_random_bits_and_nothing_that_is_misread() -> None:
    codes = new_recovery_codes(10, Random(1).randbytes)
    assert len(set(codes)) == 10
    assert {tuple(map(len, code.split("-"))) for code in codes} == {(4,) * 6}
    assert set("".join(codes)) == set("0123456789abcdefghjkmnpqrstvwxyz-")


@given(st.integers(0, 2**32))
def test_a_recovery_code_is_the_same_however_it_is_typed_and_never_looks_like_an_apps(seed: int) -> None:
    (code,) = new_recovery_codes(1, Random(seed).randbytes)
    plain = folded_code(code)
    assert not is_totp(plain)
    for typed in (code.upper(), code.replace("-", " "), code.replace("-", ""), f"  {code}\n", code.replace("1", "l").replace("0", "O")):
        assert folded_code(typed) == plain


@pytest.mark.parametrize("typed", ["492039", " 492 039 ", "492-039", "\uff14\uff19\uff12\uff10\uff13\uff19"])
def test_six_digits_are_a_code_of_an_app_however_they_are_spaced(typed: str) -> None:
    assert is_totp(folded_code(typed))
    assert folded_code(typed) == "492039"


@pytest.mark.parametrize("typed", ["49203", "4920390", "49203x", "", "------", "\u0664\u0669\u0662\u0660\u0663\u0669"])
def test_anything_else_is_none(typed: str) -> None:
    assert not is_totp(folded_code(typed))


def test_noon_is_in_a_step_that_is_counted_from_1970() -> None:
    assert step_of(RFC_SECRET, code_at(RFC_SECRET, NOON), NOON) == int(NOON.timestamp()) // 30
