import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.policy import check_password, common_words, is_common

USUAL_ENDINGS = ["", "1", "12", "123", "1234", "12345", "!", "1!", "123!", "2024", "2025", "2026", "99", "007", "7777", "_1", "#1"]


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PASSWORD",
        "P@ssw0rd",
        "Passw0rd123!",
        "drowssap",
        "iloveyou",
        "Dragon2024!",
        "m1chael99",
        "12345678",
        "87654321",
        "qwertyuiop",
        "1qaz2wsx",
        "qwer1234",
        "abcd4321",
        "aaaaaaaa",
        "abcabcabc",
        "121212121212",
        "monkeymonkey",
        "admin12345",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",  # in letters of full width
    ],
)
def test_what_attackers_try_first_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="attackers"):
        check_password(password)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "tr0ub4dor&3", "Tr3e#River-9", "ich-mag-blaue-Türen", "пароль-не-простой"],
)
def test_what_is_not_common_is_taken_whatever_it_is_made_of(password: str) -> None:
    assert check_password(password) == password


def test_lengths_count_in_code_points() -> None:
    for short in ("", "s3-Rx!q", "🦀🐙🦞🐠🐟🐡🦐"):
        with pytest.raises(ValueError, match="at least 8"):
            check_password(short)
    assert check_password("🦀🐙🦞🐠🐟🐡🦐🦑")
    assert check_password("ab cD" * 51 + "!")
    with pytest.raises(ValueError, match="at most 256"):
        check_password("ab cD" * 51 + "!!")


def test_more_than_the_three_thousand_most_common_are_known() -> None:
    listed = {word + ending for word in common_words() for ending in USUAL_ENDINGS if len(word + ending) >= 8}
    assert len(listed) > 10_000
    assert all(is_common(password) for password in sorted(listed)[::7])


def test_the_list_is_in_the_form_in_which_it_is_asked() -> None:
    assert all(word == word.casefold() and len(word) >= 3 for word in common_words())


@given(st.text(max_size=300))
def test_a_refusal_does_not_repeat_the_password(password: str) -> None:
    try:
        check_password(password)
    except ValueError as refusal:
        assert len(password) < 8 or password not in str(refusal)  # noqa: PT017 (a password that is taken is right, too)


def test_random_passwords_are_taken() -> None:
    assert not any(is_common(secrets.token_urlsafe(9)) for _ in range(500))
