import pytest

from events.errors import Conflict, DomainError, Invalid, NotFound, NotPermitted, NotSignedIn, Stale, TooMany, Unavailable

KINDS: list[type[DomainError]] = [NotSignedIn, NotPermitted, NotFound, Conflict, Stale, Invalid, TooMany, Unavailable]


def test_every_kind_has_a_word_of_its_own() -> None:
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(issubclass(kind, DomainError) for kind in KINDS)


def test_one_refusal_can_have_a_finer_word_and_facts() -> None:
    taken = Conflict("Somebody has that e-mail.", code="email-taken", field="email")
    assert (taken.code, taken.facts, str(taken)) == ("email-taken", {"field": "email"}, "Somebody has that e-mail.")
    assert Conflict.code == "conflict"


def test_a_stale_caller_is_told_the_current_version() -> None:
    assert Stale(7).facts == {"current_version": 7}


def test_what_is_invalid_names_field_and_rule() -> None:
    refusal = Invalid("One field is wrong.", [(("body", "title"), "It is empty.")])
    assert refusal.facts == {"errors": [{"loc": ["body", "title"], "msg": "It is empty."}]}


@pytest.mark.parametrize(("asked", "told"), [(-1, 1), (0, 1), (1, 1), (30, 30)])
def test_nobody_is_told_to_wait_less_than_a_second(asked: int, told: int) -> None:
    assert TooMany("Slow down.", asked).retry_after == told
    assert Unavailable("It is full.", asked).retry_after == told
