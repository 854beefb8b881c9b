from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, update

from auth import queries, rows
from auth.rules import ABSOLUTE, IDLE, folded
from auth.tables import users
from events.envelope import digest
from events.errors import Unavailable
from events.tables import projections
from events.times import to_text
from tests.integration.auth.store import add_session, add_token, add_user, store
from tests.unit.auth.people import NOON

SOON = NOON + timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def connection() -> Iterator[Connection]:
    with store() as opened:
        yield opened


def sha(text_: str) -> str:
    return digest(text_.encode())


def test_a_session_tells_who_somebody_is_and_when_they_were_last_seen(connection: Connection) -> None:
    add_user(connection, "ada", "Ada", role="admin")
    add_session(connection, "s1", "ada")
    found = queries.find_by_session(connection, sha("s1"), SOON)
    assert found is not None
    assert (found.principal.kind, found.principal.id, found.principal.session, found.principal.is_admin) == ("user", "ada", "s1", True)
    assert found.seen_at == NOON


@pytest.mark.parametrize("later", [IDLE, ABSOLUTE])
def test_a_session_runs_out(connection: Connection, later: timedelta) -> None:
    add_user(connection, "anna")
    add_session(connection, "s1", "anna")
    if later == ABSOLUTE:
        connection.execute(rows.SEE_SESSION, {"which": "s1", "at": to_text(NOON + later - timedelta(hours=1))})
    assert queries.find_by_session(connection, sha("s1"), NOON + later - MOMENT)
    assert queries.find_by_session(connection, sha("s1"), NOON + later) is None


def test_an_ended_session_is_nobodys(connection: Connection) -> None:
    add_user(connection, "anna")
    add_session(connection, "s1", "anna")
    connection.execute(rows.END_SESSION, {"session": "s1", "at": to_text(SOON)})
    assert queries.find_by_session(connection, sha("s1"), SOON) is None
    assert queries.find_session(connection, sha("s1")) is None
    assert queries.list_sessions(connection, "anna", SOON, limit=10, after=None) == []


@pytest.mark.parametrize("closed", [{"active": False}, {"can_sign_in": False}])
def test_whose_account_is_closed_is_nobody_even_before_their_sessions_end(connection: Connection, closed: dict[str, Any]) -> None:
    add_user(connection, "anna")
    add_session(connection, "s1", "anna")
    add_token(connection, "t1", "anna")
    assert queries.find_by_session(connection, sha("s1"), SOON)
    assert queries.find_by_token(connection, sha("t1"), SOON)
    connection.execute(update(users).values(**closed))
    assert queries.find_by_session(connection, sha("s1"), SOON) is None
    assert queries.find_by_token(connection, sha("t1"), SOON) is None


def test_a_token_acts_with_its_scopes_until_it_expires_or_is_revoked(connection: Connection) -> None:
    add_user(connection, "ada", role="admin")
    add_token(connection, "t1", "ada", expires_at=NOON + timedelta(days=1))
    found = queries.find_by_token(connection, sha("t1"), SOON)
    assert found is not None
    assert (found.principal.kind, found.principal.token, found.principal.scopes) == ("token", "t1", frozenset({"read"}))
    assert not found.principal.is_admin
    assert found.seen_at is None
    assert queries.find_by_token(connection, sha("t1"), NOON + timedelta(days=1)) is None
    connection.execute(rows.REVOKE_TOKEN, {"token": "t1", "at": to_text(SOON)})
    assert queries.find_by_token(connection, sha("t1"), SOON) is None


def test_when_somebody_was_seen_only_moves_on(connection: Connection) -> None:
    add_user(connection, "anna")
    add_session(connection, "s1", "anna")
    add_token(connection, "t1", "anna")
    for at in (SOON, NOON):
        connection.execute(rows.SEE_SESSION, {"which": "s1", "at": to_text(at)})
        connection.execute(rows.SEE_TOKEN, {"which": "t1", "at": to_text(at)})
    (session,) = queries.list_sessions(connection, "anna", SOON, limit=10, after=None)
    (token,) = queries.list_tokens(connection, "anna", limit=10, after=None)
    assert (session["last_seen_at"], token["last_used_at"]) == (to_text(SOON), to_text(SOON))


def people(connection: Connection, q: str | None = None, **filters: Any) -> list[str]:
    wanted = {"role": None, "active": None, "limit": 100, "after": None, **filters}
    return [account.name for account in queries.list_users(connection, q=q, **wanted)]


def test_people_are_found_by_every_word_of_name_and_email(connection: Connection) -> None:
    add_user(connection, "u1", "Anna Lund")
    add_user(connection, "u2", "ÅSA LUNDGREN", role="admin")
    add_user(connection, "u3", "Ben 100% _Brecht_", active=False)
    assert people(connection) == ["Anna Lund", "Ben 100% _Brecht_", "ÅSA LUNDGREN"]
    assert people(connection, "lund") == ["Anna Lund", "ÅSA LUNDGREN"]
    assert people(connection, "  LUND   an ") == ["Anna Lund"]
    assert people(connection, "åsa") == ["ÅSA LUNDGREN"]
    assert people(connection, "U3@EXAMPLE") == ["Ben 100% _Brecht_"]
    assert people(connection, "0% _") == ["Ben 100% _Brecht_"]
    assert people(connection, "%") == ["Ben 100% _Brecht_"]
    assert people(connection, "l_nd") == []
    assert people(connection, "\\") == []
    assert people(connection, role="admin") == ["ÅSA LUNDGREN"]
    assert people(connection, active=False) == ["Ben 100% _Brecht_"]
    assert people(connection, "lund", role="user", active=True) == ["Anna Lund"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.sampled_from(["Anna", "anna", "Ben", "Åsa", "Zoë", "🦀"]), max_size=12), size=st.integers(1, 5))
def test_pages_hold_everybody_once_in_order(names: list[str], size: int) -> None:
    with store() as connection:
        for n, name in enumerate(names):
            add_user(connection, f"u{n:02}", name)
        seen, after = [], None
        while page := queries.list_users(connection, q=None, role=None, active=None, limit=size, after=after):
            seen += [account.id for account in page]
            after = (folded(page[-1].name), page[-1].id)
        assert seen == [id_ for _, id_ in sorted((folded(name), f"u{n:02}") for n, name in enumerate(names))]


def test_who_asks_is_found_without_reading_a_whole_table(connection: Connection) -> None:
    plans: list[str] = []

    def explain(conn: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            plans.extend(row[3] for row in conn.connection.dbapi_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    event.listen(connection, "before_cursor_execute", explain)
    queries.find_by_session(connection, sha("s1"), NOON)
    queries.find_by_token(connection, sha("t1"), NOON)
    queries.find_credential(connection, "anna@example.org")
    queries.find_user(connection, "anna")
    queries.list_sessions(connection, "anna", NOON, limit=10, after="s1")
    queries.list_tokens(connection, "anna", limit=10, after="t1")
    queries.load_admins(connection, ["all"])
    assert plans
    plans = [plan for plan in plans if plan != "SCAN head"]  # a table of one row
    assert not [plan for plan in plans if plan.startswith("SCAN") and "USING" not in plan]
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]


def test_what_units_read_comes_by_the_key_that_they_name(connection: Connection) -> None:
    add_user(connection, "ada", role="admin")
    add_user(connection, "off", role="admin", active=False)
    add_session(connection, "s1", "ada")
    add_token(connection, "t1", "ada")
    connection.execute(rows.INSERT_CREDENTIAL, rows.credential("ada", "ada@example.org", None, NOON))
    assert queries.load_holders(connection, ["ada@example.org", "nobody@example.org"]) == {"ada@example.org": "ada"}
    assert queries.load_hashes(connection, ["ada", "ben"]) == {"ada": None}
    assert {user: list(live) for user, live in queries.load_sessions(connection, ["ada", "ben"]).items()} == {"ada": ["s1"], "ben": []}
    assert {user: list(live) for user, live in queries.load_tokens(connection, ["ada", "ben"]).items()} == {"ada": ["t1"], "ben": []}
    assert queries.load_admins(connection, ["all"]) == {"all": {"ada"}}


def test_while_the_list_of_people_is_being_filled_nobody_gets_back_what_was_taken_away(connection: Connection) -> None:
    add_session(connection, "s1", "ada")
    add_token(connection, "t1", "ada")
    for position in (7, 6):  # she is not in the list yet; she is, but not all that happened to her since
        connection.execute(update(projections).values(position=position))
        for find, secret in ((queries.find_by_session, "s1"), (queries.find_by_token, "t1")):
            assert find(connection, sha("made-up"), SOON) is None
            with pytest.raises(Unavailable):
                find(connection, sha(secret), SOON)
        if position == 7:
            add_user(connection, "ada", role="admin")
            assert queries.load_admins(connection, ["all"]) == {"all": {"ada"}}
    assert queries.load_admins(connection, ["all"]) == {}
