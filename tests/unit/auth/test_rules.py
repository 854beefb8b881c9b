from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.rules import ABSOLUTE, IDLE, check_email, check_name, email_key, is_live, session_ends_at
from tests.unit.auth.people import NOON

durations = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30))


@pytest.mark.parametrize("email", ["a@b", "anna@example.org", "anna+desk@example.org", "o'hara@example.org", "jürgen@bücher.example"])
def test_ordinary_addresses_are_taken(email: str) -> None:
    assert check_email(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "anna",
        "@example.org",
        "anna@",
        "anna@@example.org",
        "anna@home@example.org",
        "an na@example.org",
        "anna@example.org\r\nBcc: eve@example.org",
        "anna\u200b@example.org",
        "anna\u00a0@example.org",
        "anna\x00@example.org",
        "anna\ud800@example.org",
        "anna@.example.org",
        "anna@example..org",
        ".anna@example.org",
        "anna@example.org.",
        "Anna <anna@example.org>",
        '"anna"@example.org',
        "anna@[127.0.0.1]",
        "anna@example.org,eve@example.org",
        "a" * 243 + "@example.org",
    ],
)
def test_what_no_mail_can_go_to_is_refused(email: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_email(email)


def test_an_address_may_have_254_characters() -> None:
    assert check_email("a" * 242 + "@example.org")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Anna@Example.ORG", "anna@example.org"),
        ("STRASSE@example.org", "straße@example.org"),
        ("j\u00fcrgen@example.org", "ju\u0308rgen@example.org"),
        ("ΣΊΣΥΦΟΣ@example.org", "σίσυφος@example.org"),
    ],
)
def test_spellings_of_one_address_are_one(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


@given(st.text())
def test_the_key_of_a_key_is_itself(text: str) -> None:
    assert email_key(email_key(text)) == email_key(text)


@given(st.text())
def test_no_text_breaks_the_check_of_an_address(text: str) -> None:
    try:
        taken = check_email(text)
    except ValueError as refusal:
        assert str(refusal).startswith("must")  # noqa: PT017 (both outcomes are right; the words of the second are what is checked)
    else:
        assert taken.count("@") == 1
        assert taken == "".join(taken.split())


@given(age=durations, idle=durations)
def test_a_session_lives_until_it_is_idle_or_old(age: timedelta, idle: timedelta) -> None:
    seen = min(idle, age)
    now = NOON + age
    assert is_live(NOON, now - seen, now) == (age < ABSOLUTE and seen < IDLE)


def test_a_session_in_use_ends_after_seven_days_all_the_same() -> None:
    assert session_ends_at(NOON, NOON + ABSOLUTE - timedelta(hours=1)) == NOON + timedelta(days=7)
    assert session_ends_at(NOON, NOON) == NOON + timedelta(hours=24)


@pytest.mark.parametrize(
    "name", ["Anna Lund", "\u05d9\u05e2\u05dc \u05db\u05d4\u05df", "\u0645\u0631\u064a\u0645\u200e", "\u0645\u06cc\u200c\u0646\u0627"]
)
def test_a_name_is_written_in_any_direction(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("turning", [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))])
def test_a_name_does_not_turn_round_what_stands_behind_it(turning: str) -> None:
    with pytest.raises(ValueError, match="direction of writing"):
        check_name(f"Eve{turning} nimda")
