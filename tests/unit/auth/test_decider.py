from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auth.commands import ChangeAccount, CreateToken, Register, Role, Scope, SignIn
from auth.decider import (
    USER,
    change_account,
    change_password,
    create_token,
    end_sessions,
    is_effective_admin,
    others,
    own_session,
    own_token,
    refusal,
    refuse_sign_in,
    register,
    revoke_tokens,
    sign_in,
    sign_out,
    surplus,
)
from auth.errors import EmailTaken, InvalidCredentials, LastAdmin, SessionNotFound, TokenNotFound, TooManyTokens, UserNotFound
from auth.rules import MOST_SESSIONS, MOST_TOKENS
from events.contracts.user import (
    TokenCreated,
    TokenRevoked,
    UserDeactivated,
    UserErased,
    UserLoggedIn,
    UserLoggedOut,
    UserLoginFailed,
    UserPasswordChanged,
    UserReactivated,
    UserRegistered,
    UserRoleChanged,
    UserSessionEnded,
)
from events.errors import NotPermitted, NotSignedIn
from tests.unit.auth.people import HOME, NOON, WORK, account, given_account, registered, sessions, somebody, token

TO_ADMIN = UserRoleChanged(before={"role": "user"}, after={"role": "admin"})
OFF = UserDeactivated(before={"active": True}, after={"active": False})
ON = UserReactivated(before={"active": False}, after={"active": True})


def change(*, role: Role | None = None, active: bool | None = None) -> ChangeAccount:
    return ChangeAccount(user="anna", role=role, active=active, by="ada")


ADA = somebody(role="admin", user="ada")


def test_an_account_is_what_its_events_made_it() -> None:
    anna = account(registered(), TO_ADMIN, OFF)
    assert anna is not None
    assert (anna.id, anna.name, anna.email, anna.role, anna.active, anna.created_at) == (
        "anna",
        "Anna",
        "anna@example.org",
        "admin",
        False,
        NOON,
    )
    assert account(registered(), OFF, ON) == account(registered())


def test_nobody_is_made_by_what_happens_to_nobody() -> None:
    assert account(OFF, ON, TO_ADMIN, UserErased()) is None


def test_an_account_can_be_read_after_its_personal_part_was_erased() -> None:
    erased = account(registered(name=None, email=None), UserErased())
    assert erased is not None
    assert (erased.name, erased.email, erased.active, erased.can_sign_in) == ("", "", False, False)


def test_logins_do_not_change_an_account_and_need_not_be_read_for_it() -> None:
    assert USER.types is not None
    assert "user.logged_in" not in USER.types
    assert account(registered(), UserLoggedIn(session="s", address=None, agent=None)) == account(registered())


def test_registering_tells_who_somebody_is() -> None:
    command = Register(user="anna", name="Anna", email="anna@example.org")
    assert register(command, None) == [UserRegistered(role="user", can_sign_in=True, name="Anna", email="anna@example.org")]


def test_one_email_is_one_account() -> None:
    with pytest.raises(EmailTaken):
        register(Register(user="anna2", name="Anna", email="Anna@example.org"), "anna")


SIGN_IN = SignIn(user="anna", session="s1", device=HOME)


def test_signing_in_tells_where_from() -> None:
    signed_in = UserLoggedIn(session="s1", address="192.0.2.7", agent="Firefox")
    given_account(registered()).when(lambda anna: sign_in(SIGN_IN, anna)).then(signed_in)


@pytest.mark.parametrize("past", [(), (registered(can_sign_in=False),), (registered(), OFF), (registered(), UserErased())])
def test_a_closed_account_signs_nobody_in(past: Sequence[Any]) -> None:
    given_account(*past).when(lambda anna: sign_in(SIGN_IN, anna)).then_rejected(InvalidCredentials)


def test_the_reason_of_a_failed_login_is_for_the_audit_alone() -> None:
    assert refusal(None, password_was_right=False) == "unknown-email"
    assert refusal(somebody(can_sign_in=False), password_was_right=False) == "cannot-sign-in"
    assert refusal(somebody(), password_was_right=False) == "wrong-password"
    assert refusal(account(registered(), OFF), password_was_right=True) == "inactive"
    assert refusal(account(registered(), OFF), password_was_right=False) == "wrong-password"
    assert refusal(somebody(), password_was_right=True) is None


def test_a_strangers_address_is_not_kept() -> None:
    assert refuse_sign_in(None, "unknown-email", "192.0.2.7") == [UserLoginFailed(reason="unknown-email", address=None)]
    assert refuse_sign_in(somebody(), "wrong-password", "192.0.2.7") == [UserLoginFailed(reason="wrong-password", address="192.0.2.7")]


def test_signing_out_tells_of_this_device_and_ending_of_that_one() -> None:
    (session,) = sessions("s1").values()
    assert sign_out(session, WORK) == [UserLoggedOut(session="s1", address="198.51.100.9", agent="curl")]
    assert end_sessions([session]) == [UserSessionEnded(session="s1", address="192.0.2.7", agent="Firefox")]


def test_only_own_sessions_can_be_named() -> None:
    assert own_session("s1", sessions("s1", "s2")).id == "s1"
    with pytest.raises(SessionNotFound):
        own_session("s3", sessions("s1", "s2"))


def test_the_other_sessions_are_all_but_this_one() -> None:
    assert [session.id for session in others(sessions("s1", "s2", "s3"), "s2")] == ["s1", "s3"]
    assert [session.id for session in others(sessions("s1", "s2"), None)] == ["s1", "s2"]


def test_one_session_too_many_ends_the_oldest() -> None:
    ids = [f"s{n:03}" for n in range(MOST_SESSIONS)]
    assert [session.id for session in surplus(sessions(*reversed(ids)))] == ["s000"]
    assert surplus(sessions(*ids[1:])) == []


def test_a_new_password_is_a_fact_without_a_content() -> None:
    given_account(registered()).when(change_password).then(UserPasswordChanged())


@pytest.mark.parametrize("past", [(), (registered(can_sign_in=False),), (registered(), OFF)])
def test_who_cannot_sign_in_has_no_password_to_change(past: Sequence[Any]) -> None:
    given_account(*past).when(change_password).then_rejected(UserNotFound)


@pytest.mark.parametrize(
    ("past", "command", "events"),
    [
        ((registered(),), change(role="admin"), [TO_ADMIN]),
        ((registered(),), change(active=False), [OFF]),
        ((registered(),), change(role="admin", active=False), [TO_ADMIN, OFF]),
        ((registered(), OFF), change(active=True), [ON]),
        ((registered(), OFF), change(role="user", active=False), []),
        ((registered(),), change(role="user", active=True), []),
    ],
)
def test_a_change_tells_before_and_after_and_equal_values_are_no_event(
    past: Sequence[Any], command: ChangeAccount, events: list[Any]
) -> None:
    given_account(*past).when(lambda anna: change_account(command, anna, {"ada"}, ADA)).then(*events)


def test_nobody_is_changed_who_does_not_exist() -> None:
    given_account().when(lambda nobody: change_account(change(role="admin"), nobody, {"ada"}, ADA)).then_rejected(UserNotFound)


@pytest.mark.parametrize("removal", [change(role="user"), change(active=False), change(role="user", active=False)])
def test_the_last_admin_stays(removal: ChangeAccount) -> None:
    alone = given_account(registered(role="admin"))
    alone.when(lambda anna: change_account(removal, anna, {"anna"}, anna)).then_rejected(LastAdmin)
    assert alone.when(lambda anna: change_account(removal, anna, {"anna", "ada"}, anna)).events


def test_an_admin_who_cannot_sign_in_is_not_the_last_one() -> None:
    imported = somebody(role="admin", can_sign_in=False)
    assert not is_effective_admin(imported)
    assert change_account(change(role="user"), imported, {"ada"}, ADA) != []


def test_who_was_an_admin_when_the_request_came_in_but_is_none_now_changes_nobody() -> None:
    for former in (somebody(user="ada"), replace(ADA, active=False), None):
        with pytest.raises(NotPermitted):
            change_account(change(role="admin"), somebody(), {"otto"}, former)


def wanted(*scopes: Scope) -> CreateToken:
    return CreateToken(token="t1", name="robot", scopes=frozenset(scopes), created_at=NOON, expires_at=NOON + timedelta(days=90))


def test_a_new_token_tells_what_it_may_and_until_when() -> None:
    assert create_token(wanted("write", "read"), somebody(), {}) == [
        TokenCreated(token="t1", expires_at="2027-02-21T12:00:00.000000Z", scopes=["read", "write"], name="robot")
    ]


def test_nobody_hands_out_more_than_they_have() -> None:
    with pytest.raises(NotPermitted):
        create_token(wanted("read", "admin"), somebody(), {})
    assert create_token(wanted("read", "admin"), somebody(role="admin"), {}) != []


@pytest.mark.parametrize("past", [(), (registered(can_sign_in=False),), (registered(), OFF), (registered(), UserErased())])
def test_who_cannot_sign_in_any_more_makes_no_token_to_come_back_with(past: Sequence[Any]) -> None:
    given_account(*past).when(lambda anna: create_token(wanted("read"), anna, {})).then_rejected(NotSignedIn)


def test_tokens_are_bounded_and_those_that_ran_out_do_not_count() -> None:
    live = {f"t{n}": token(f"t{n}") for n in range(MOST_TOKENS)}
    with pytest.raises(TooManyTokens):
        create_token(wanted("read"), somebody(), live)
    assert create_token(wanted("read"), somebody(), {**live, "t0": token("t0", expires_at=NOON)}) != []


def test_only_own_tokens_can_be_named_and_a_revocation_names_them() -> None:
    mine = {"t1": token("t1")}
    assert revoke_tokens([own_token("t1", mine)]) == [TokenRevoked(token="t1", expires_at="2027-02-21T12:00:00.000000Z", name="robot")]
    with pytest.raises(TokenNotFound):
        own_token("t2", mine)
