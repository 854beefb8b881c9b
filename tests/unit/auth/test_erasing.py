"""Erasing a person, decided: who may, who is meant, and what follows."""

from typing import Any

import pytest

from auth.commands import EraseUser
from auth.decider import Account, change_account, erase
from auth.errors import AccountErased, LastAdmin, OtherEmail, UserNotFound
from events.contracts.user import TokenRevoked, UserErased, UserSessionEnded
from events.errors import DomainError, NotPermitted
from tests.unit.auth.people import account, registered, sessions, somebody, token
from tests.unit.auth.test_decider import change

ADA = somebody(role="admin", user="ada")
EVERYBODY = frozenset({"ada", "eve"})


def asked(*, by: str | None = "ada", confirmed: str | None = "anna@example.org", user: str = "anna", again: bool = False) -> EraseUser:
    return EraseUser(user=user, confirmed=confirmed, by=by, again=again)


def decided(
    command: EraseUser, who: Account | None, *, admins: frozenset[str] = EVERYBODY, by: Account | None = ADA, **live: Any
) -> list[Any]:
    return erase(command, who, admins, by, sessions=live.get("sessions", {}), tokens=live.get("tokens", {}))


def test_whoever_is_erased_is_out_first_and_nothing_personal_comes_with_it() -> None:
    robot = token("t1")
    events = decided(asked(), account(registered()), sessions=sessions("s1", "s2"), tokens={"t1": robot})
    assert events[:2] == [UserSessionEnded(session="s1"), UserSessionEnded(session="s2")]
    assert isinstance(events[2], TokenRevoked)
    assert events[2].name is None
    assert events[3:] == [UserErased()]


def test_what_is_left_is_an_account_without_a_name_that_nobody_signs_in_to() -> None:
    left = account(registered(), UserErased())
    assert left is not None
    assert (left.name, left.email, left.active, left.can_sign_in, left.erased) == ("", "", False, False, True)
    assert not somebody().erased


def test_asked_again_nothing_happens_whatever_the_e_mail() -> None:
    assert decided(asked(confirmed="anna@example.org"), account(registered(), UserErased())) == []


@pytest.mark.parametrize("confirmed", ["ANNA@example.ORG", "anna@example.org"])
def test_the_e_mail_confirms_as_it_signs_in(confirmed: str) -> None:
    assert decided(asked(confirmed=confirmed), account(registered())) == [UserErased()]


def test_the_operator_needs_no_e_mail_and_is_no_admin() -> None:
    assert decided(asked(by=None, confirmed=None), account(registered()), by=None) == [UserErased()]


@pytest.mark.parametrize(
    ("command", "who", "admins", "by", "refusal"),
    [
        (asked(), None, EVERYBODY, ADA, UserNotFound),
        (asked(confirmed="ben@example.org"), account(registered()), EVERYBODY, ADA, OtherEmail),
        (asked(), account(registered()), EVERYBODY, somebody(user="ada"), NotPermitted),
        (asked(), account(registered()), EVERYBODY, account(registered(role="admin"), UserErased(), user="ada"), NotPermitted),
        (asked(user="ada"), ADA, frozenset({"ada"}), ADA, LastAdmin),
        (asked(user="ada", by=None, confirmed=None), ADA, frozenset({"ada"}), None, LastAdmin),
    ],
)
def test_who_may_not_and_who_is_not_meant(
    command: EraseUser, who: Account | None, admins: frozenset[str], by: Account | None, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        decided(command, who, admins=admins, by=by)


def test_an_admin_may_erase_themselves_when_there_is_another() -> None:
    assert decided(asked(user="ada"), ADA) == [UserErased()]


def test_what_a_restore_repeats_asks_nobody_and_spares_nobody() -> None:
    command = asked(user="ada", by=None, confirmed=None, again=True)
    assert decided(command, ADA, admins=frozenset({"ada"}), by=None) == [UserErased()]


def test_nothing_of_an_erased_account_can_be_changed() -> None:
    with pytest.raises(AccountErased):
        change_account(change(active=True), account(registered(), UserErased()), EVERYBODY, ADA)
