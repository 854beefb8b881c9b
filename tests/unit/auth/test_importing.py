"""What people of imported history are called by, and what becomes of those who are found to have had tickets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.commands import Register
from auth.decider import promote, register
from auth.errors import EmailTaken
from auth.rules import check_email, email_key, imported_email
from events.contracts.user import UserErased, UserRegistered, UserRoleChanged
from tests.unit.auth.people import account, given_account, registered, somebody

TO_ADMIN = UserRoleChanged(before={"role": "user"}, after={"role": "admin"})


@pytest.mark.parametrize(
    ("name", "turn", "email"),
    [
        ("Caller 2403", 1, "caller-2403@imported.invalid"),
        ("Caller 2403", 2, "caller-2403-2@imported.invalid"),
        ("Jürgen  O'Hara (IT)", 1, "jurgen-o-hara-it@imported.invalid"),
        ("李", 1, "person@imported.invalid"),
        ("李", 3, "person-3@imported.invalid"),
        ("-", 1, "person@imported.invalid"),
    ],
)
def test_an_address_is_made_of_a_name(name: str, turn: int, email: str) -> None:
    assert imported_email(name, turn) == email


@given(st.text(max_size=200), st.integers(1, 10_000))
def test_whatever_somebody_is_called_the_address_is_one_and_another_for_each_turn(name: str, turn: int) -> None:
    email = imported_email(name, turn)
    assert check_email(email) == email == email_key(email)
    assert len(email.partition("@")[0]) <= 64
    assert email != imported_email(name, turn + 1)


def test_somebody_imported_is_registered_as_everybody_is_but_cannot_sign_in() -> None:
    command = Register(user="rita", name="Rita", email="rita@imported.invalid", can_sign_in=False)
    assert register(command, holder=None) == [UserRegistered(role="user", can_sign_in=False, name="Rita", email="rita@imported.invalid")]
    with pytest.raises(EmailTaken):
        register(command, holder="somebody else")


def test_who_had_tickets_becomes_an_admin_once() -> None:
    given_account(registered(can_sign_in=False)).when(promote).then(TO_ADMIN)
    assert promote(somebody(role="admin")) == []
    assert promote(None) == []


def test_who_was_erased_becomes_nothing() -> None:
    gone = account(registered(can_sign_in=False), UserErased())
    assert gone is not None
    assert (gone.erased, promote(gone)) == (True, [])
    assert not somebody().erased
