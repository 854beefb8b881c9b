"""The list of people, filled in whatever batches: always the same rows, and those that the domain says."""

from typing import Any

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from auth.decider import USER
from auth.projections import Users, row_of
from auth.tables import users
from events.contracts.user import (
    TokenRevoked,
    UserDeactivated,
    UserErased,
    UserLoggedIn,
    UserReactivated,
    UserRegistered,
    UserRoleChanged,
)
from events.decider import Fact
from tests.integration.auth.store import recorded, store
from tests.unit.auth.people import facts

LATER = st.sampled_from(
    [
        UserRoleChanged(before={"role": "user"}, after={"role": "admin"}),
        UserRoleChanged(before={"role": "admin"}, after={"role": "user"}),
        UserDeactivated(before={"active": True}, after={"active": False}),
        UserReactivated(before={"active": False}, after={"active": True}),
        UserLoggedIn(session="s", address=None, agent=None),
        TokenRevoked(token="t", expires_at="2026-11-23T09:00:00.000000Z", name=None),
        UserErased(),
    ]
)


def person(user: str) -> st.SearchStrategy[list[Fact]]:
    first = UserRegistered(role="user", can_sign_in=True, name=user.title(), email=f"{user}@Example.org")
    return st.lists(LATER, max_size=6).map(lambda events: facts([first, *events], user))


def interleaved(*people: list[Fact]) -> list[Fact]:
    return sorted((fact for facts_ in people for fact in facts_), key=lambda fact: (fact.time, fact.subject))


def rows_of(connection: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(users).order_by(users.c.id)).mappings()]


@settings(max_examples=50, deadline=None)
@for_all(anna=person("anna"), ben=person("ben"), size=st.integers(1, 5))
def test_any_batches_make_the_rows_that_the_domain_says(anna: list[Fact], ben: list[Fact], size: int) -> None:
    log = [(n, recorded(fact, n)) for n, fact in enumerate(interleaved(anna, ben), start=1)]
    with store() as connection:
        for start in range(0, len(log), size):
            Users().apply(connection, log[start : start + size])
        states = [USER.of(person_) for person_ in (anna, ben)]
        assert rows_of(connection) == [row_of(state) for state in states if state]


def test_after_an_erasure_the_address_is_free_and_the_row_is_as_one_filled_from_the_blanked_log() -> None:
    living = facts([UserRegistered(role="user", can_sign_in=True, name="Anna", email="anna@example.org"), UserErased()], "anna")
    blanked = facts([UserRegistered(role="user", can_sign_in=True, name=None, email=None), UserErased()], "anna")
    made = []
    for history in (living, blanked):
        with store() as connection:
            Users().apply(connection, [(n, recorded(fact, n)) for n, fact in enumerate(history, start=1)])
            made.append(rows_of(connection))
    assert made[0] == made[1]
    assert made[0][0]["email_key"] is None
    assert "anna" not in str(made[0]).replace("'id': 'anna'", "")
