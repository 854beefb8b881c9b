"""What auth does by itself: tells of revocations, writes down who was here, ends what ran out. And what its store is made of."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, update

from auth import revocations
from auth.projections import Users
from auth.rules import IDLE, SEEN_EVERY
from auth.sweeping import SweepUnit
from auth.tables import PRIMARY, api_tokens, users
from auth.units import SYSTEM
from chassis.database import migrate
from chassis.principals import announce
from events.contracts import CATALOGUE
from events.contracts.user import TokenRevoked
from events.decider import Context, Key, Transaction
from events.envelope import StoredEvent
from events.following import LogFeed
from events.replay import replay
from events.store import Store
from events.tables import projections
from events.times import from_text, to_text
from tests.integration.auth.visitors import PASSWORD, Desk, bearer, problem, sign_in
from tests.support.house import eventually


class Heard:
    """What was said on a subject since it was listened to."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    async def on(self, desk: Desk, subject: str) -> "Heard":
        await eventually(lambda: desk.running.broker.connected)
        await desk.running.broker.listen(subject, lambda _subject, payload: self.said.append(payload))
        return self

    async def catches_up(self, desk: Desk) -> None:
        """Forget what auth said of itself when it connected."""
        announce(desk.running.broker, token="the last")
        await self.hears({"token": "the last"})
        self.said.clear()

    async def hears(self, wanted: dict[str, object]) -> None:
        await eventually(lambda: wanted in [json.loads(payload) for payload in self.said], 2.0)


async def test_every_service_is_told_when_somebody_is_no_longer_who_they_were(desk: Desk) -> None:
    revoked = await Heard().on(desk, "hint.revoked")
    async with desk.signed_in("ada", admin=True) as ada, desk.signed_in("anna") as anna, desk.browser() as phone:
        await sign_in(phone, "anna")
        me = (await anna.get("/api/auth/me")).json()["id"]
        phones, annas = [item["id"] for item in (await anna.get("/api/auth/sessions")).json()["items"]]
        token = (await anna.post("/api/auth/tokens", json={"name": "robot"})).json()["id"]
        await phone.post("/api/auth/logout")
        await revoked.hears({"session": phones})
        await anna.delete(f"/api/auth/tokens/{token}")
        await revoked.hears({"token": token})
        await ada.patch(f"/api/auth/users/{me}", json={"role": "admin"})
        await revoked.hears({"user": me})
        revoked.said.clear()
        await ada.patch(f"/api/auth/users/{me}", json={"active": False})
        await revoked.hears({"user": me})
        await revoked.hears({"session": annas})


@dataclass(frozen=True)
class Revoked:
    """A unit that takes back this many tokens of somebody, in one transaction."""

    user: str
    number: int
    by: Context

    def reads(self) -> Iterable[Key]:
        return [("stream", f"user/{self.user}")]

    def run(self, tx: Transaction) -> None:
        events = [TokenRevoked(token=f"t{n}", expires_at="2027-02-21T12:00:00.000000Z", name="robot") for n in range(self.number)]
        tx.append(f"user/{self.user}", events, self.by)


async def revoke(desk: Desk, number: int) -> None:
    by = Context(actor=SYSTEM, at=desk.running.environment.now())
    await desk.running.writer.execute(Revoked("anna", number, by))


async def test_when_more_is_taken_back_at_once_than_can_be_told_all_is_told(desk: Desk) -> None:
    """Hints that find their queue full are dropped while the beat goes on, and nobody would know that there was something to hear."""
    revoked = await Heard().on(desk, "hint.revoked")
    await revoked.catches_up(desk)
    await revoke(desk, 3000)
    await revoked.hears({"all": True})


async def test_what_was_taken_back_while_nobody_told_is_told_afterwards(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, taken_back = [True], revocations._taken_back

    def breaks_once(stored: StoredEvent) -> Any:
        if broken and stored.type == "token.revoked":
            broken.clear()
            raise RuntimeError("It broke.")
        return taken_back(stored)

    monkeypatch.setattr(revocations, "_taken_back", breaks_once)
    revoked = await Heard().on(desk, "hint.revoked")
    await revoked.catches_up(desk)
    await revoke(desk, 1)
    await revoked.hears({"all": True})
    assert not broken


async def test_auth_is_heard_once_a_second_and_tells_all_when_it_may_have_missed_to_tell(desk: Desk) -> None:
    beats = await Heard().on(desk, "hint.auth")
    revoked = await Heard().on(desk, "hint.revoked")
    await eventually(lambda: b"beat" in beats.said, 3.0)
    desk.house.broker.kill()
    await eventually(lambda: not desk.running.broker.connected)
    await asyncio.to_thread(desk.house.broker.start)
    await revoked.hears({"all": True})


async def test_when_somebody_was_seen_is_written_down_once_a_minute(desk: Desk) -> None:
    presence, writer = desk.running.parts.presence, desk.running.writer
    async with desk.signed_in("anna") as anna, desk.browser() as machine:
        token = (await anna.post("/api/auth/tokens", json={"name": "robot"})).json()["token"]
        (fresh,) = desk.sessions()
        await presence.write_down(writer)
        assert desk.sessions() == [fresh]
        earlier = to_text(from_text(fresh["last_seen_at"]) - SEEN_EVERY)
        desk.date_back(fresh["id"], last_seen_at=earlier)
        assert (await anna.get("/api/auth/me")).status_code == 200
        assert (await machine.get("/api/auth/me", headers=bearer(token))).status_code == 200
        await presence.write_down(writer)
        (seen,) = desk.sessions()
        assert seen["last_seen_at"] > fresh["last_seen_at"]
        with desk.running.store.read() as connection:
            (used,) = connection.execute(select(api_tokens.c.last_used_at)).scalars()
        assert used >= seen["last_seen_at"]
        assert (presence.sessions, presence.tokens) == ({}, {})


async def test_a_session_that_ran_out_is_ended_by_the_desk_with_an_event(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.browser() as phone:
        await sign_in(phone, "anna")
        old, young = desk.sessions()
        desk.date_back(old["id"], last_seen_at=to_text(desk.running.environment.now() - IDLE - timedelta(seconds=1)))
        assert await desk.running.writer.execute(SweepUnit(environment=desk.running.environment)) == 1
        assert await desk.running.writer.execute(SweepUnit(environment=desk.running.environment)) == 0
        assert [(row["id"], row["ended_at"] is None) for row in desk.sessions()] == [(old["id"], False), (young["id"], True)]
        assert problem(await anna.get("/api/auth/me")) == (401, "not-signed-in")
        assert (await phone.get("/api/auth/me")).status_code == 200
    (event,) = [stored for stored in desk.log() if stored.type == "user.session_ended"]
    assert (event.actorkind, event.actorid) == ("system", "auth")


async def test_what_ended_long_ago_is_thrown_away_and_the_log_still_tells_of_it(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        await anna.post("/api/auth/logout")
        await sign_in(anna, "anna")
        old, young = desk.sessions()
        desk.date_back(old["id"], ended_at="2020-01-01T00:00:00.000000Z")
        await desk.running.writer.execute(SweepUnit(environment=desk.running.environment))
        assert [row["id"] for row in desk.sessions()] == [young["id"]]
    assert old["id"] in [event.session for event in desk.events("user.logged_out")]


async def test_who_is_signed_in_stays_so_over_a_restart_of_auth(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        await desk.house.restart("auth")
        assert (await anna.get("/api/auth/me")).json()["name"] == "anna"
        assert (await sign_in(anna, "anna", PASSWORD)).status_code == 200


async def test_the_list_of_people_filled_anew_is_the_live_one_row_for_row(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada, desk.signed_in("anna") as anna:
        me = (await anna.get("/api/auth/me")).json()["id"]
        await desk.register("ben", admin=True)
        for change in ({"role": "admin"}, {"active": False}, {"active": True, "role": "user"}):
            assert (await ada.patch(f"/api/auth/users/{me}", json=change)).status_code == 200
    anew = create_engine("sqlite://")
    with desk.running.store.read() as connection, anew.begin() as empty:
        replay(connection, LogFeed(CATALOGUE), Users(), empty, step=3)
        live, filled = [every.execute(select(users).order_by(users.c.id)).all() for every in (connection, empty)]
    anew.dispose()
    assert len(live) == 3
    assert live == filled


async def test_a_new_version_of_the_list_is_filled_while_nobody_is_taken_for_somebody_else(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        with desk.running.store.writing.begin() as connection:
            connection.execute(update(projections).values(version=0))
        await desk.house.restart("auth")
        answers: list[httpx2.Response] = []
        async with asyncio.timeout(10):
            while not answers or answers[-1].status_code != 200:
                answers.append(await anna.get("/api/auth/me"))
        assert {answer.status_code for answer in answers} <= {200, 503}


def test_the_migrations_make_the_tables_that_the_code_knows(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'auth.sqlite3'}")
    try:
        migrate(store.writing, "chassis.migrations", "auth.migrations")
        with store.read() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = [found for found in compare_metadata(context, PRIMARY) if found[0] not in ("remove_table", "remove_index")]
    finally:
        store.close()
    assert differences == []
