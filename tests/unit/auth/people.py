"""Accounts, sessions and tokens for the tests of auth's core."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from auth.commands import Device
from auth.decider import USER, Account, Session, Token
from events.contracts.user import UserRegistered
from events.decider import Fact
from events.envelope import Actor
from events.testing import Given, given

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOME = Device(address="192.0.2.7", agent="Firefox")
WORK = Device(address="198.51.100.9", agent="curl")


def registered(*, role: str = "user", can_sign_in: bool = True, name: str | None = "Anna", email: str | None = "anna@example.org") -> Any:
    return UserRegistered(role=role, can_sign_in=can_sign_in, name=name, email=email)


def account(*events: Any, user: str = "anna") -> Account | None:
    """Return what these events, one minute apart from noon on, make of `user`."""
    return USER.of(facts(events, user))


def given_account(*events: Any) -> Given[Account | None]:
    """Anna, as these events made her."""
    return given(USER, *facts(events, "anna"))


def somebody(*, role: str = "user", can_sign_in: bool = True, user: str = "anna") -> Account:
    found = account(registered(role=role, can_sign_in=can_sign_in), user=user)
    assert found is not None
    return found


def facts(events: Sequence[Any], user: str) -> list[Fact]:
    return [
        Fact(
            event=event,
            id=f"event-{n}",
            subject=f"user/{user}",
            streamversion=n,
            time=NOON + timedelta(minutes=n - 1),
            actor=Actor(kind="user", id=user),
            imported=False,
        )
        for n, event in enumerate(events, start=1)
    ]


def sessions(*ids: str, user: str = "anna") -> dict[str, Session]:
    return {id_: Session(id=id_, user=user, device=HOME) for id_ in ids}


def token(id_: str, *, expires_at: datetime = NOON + timedelta(days=90), user: str = "anna") -> Token:
    return Token(id=id_, user=user, name="robot", expires_at=expires_at)
