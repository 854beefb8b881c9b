"""People of another desk's history: accounts that nobody can get into, each once."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from auth.importing import forget
from auth.tables import credentials, imported_people
from events.contracts.user import UserErased
from events.decider import Context, Key, Transaction
from events.envelope import Actor
from tests.integration.auth.visitors import PASSWORD, Desk, problem, sign_in

LONG_AGO = "2016-02-29T01:16:00.000000Z"


def person(name: str, role: str = "user", at: str = LONG_AGO) -> dict[str, str]:
    return {"name": name, "role": role, "at": at}


async def bring(desk: Desk, *people: dict[str, Any], source: str = "there") -> list[dict[str, Any]]:
    async with desk.house.peer("auth", "operator") as operator:
        answer = await operator.post("/internal/import", json={"source": source, "people": people})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["head"] == len(desk.log())
    return list(told["people"])


async def users(desk: Desk) -> dict[str, dict[str, Any]]:
    """Return everybody by e-mail, as an admin sees them."""
    async with desk.signed_in("ada", admin=True) as ada:
        return {user["email"]: user for user in (await ada.get("/api/auth/users", params={"limit": 100})).json()["items"]}


async def test_people_get_accounts_as_of_when_they_were_first_seen(desk: Desk) -> None:
    caller, resolver = await bring(desk, person("Caller 2403"), person("Résolver  1", "admin", "2016-03-01T08:00:00.000000Z"))
    assert (caller["new"], resolver["new"]) == (True, True)
    first, second = desk.log()
    assert [(stored.time, stored.imported, stored.actorid) for stored in (first, second)] == [
        (LONG_AGO, True, "auth"),
        ("2016-03-01T08:00:00.000000Z", True, "auth"),
    ]
    known = await users(desk)
    assert known["caller-2403@imported.invalid"] == {
        "id": caller["id"],
        "name": "Caller 2403",
        "email": "caller-2403@imported.invalid",
        "role": "user",
        "active": True,
        "can_sign_in": False,
        "created_at": LONG_AGO,
    }
    assert (known["resolver-1@imported.invalid"]["role"], known["resolver-1@imported.invalid"]["id"]) == ("admin", resolver["id"])


async def test_who_can_sign_in_is_told_from_who_was_brought_in(desk: Desk) -> None:
    await bring(desk, person("Resolver 1", "admin"))
    async with desk.signed_in("ada", admin=True) as ada:

        async def found(**query: str) -> list[str]:
            return [user["name"] for user in (await ada.get("/api/auth/users", params=query)).json()["items"]]

        assert await found(role="admin") == ["ada", "Resolver 1"]
        assert await found(role="admin", can_sign_in="true") == ["ada"]
        assert await found(can_sign_in="false") == ["Resolver 1"]


async def test_who_is_there_is_not_brought_again_however_often_and_at_once(desk: Desk) -> None:
    everybody = [person(f"Caller {number}") for number in range(5)]
    answers = await asyncio.gather(*(bring_at_once(desk, everybody) for _ in range(4)))
    again = await bring(desk, *everybody)
    assert len({tuple(one["id"] for one in answer) for answer in (*answers, again)}) == 1
    assert sorted(sum(one["new"] for one in answer) for answer in (*answers, again)) == [0, 0, 0, 0, 5]
    assert len(desk.log()) == 5


async def bring_at_once(desk: Desk, people: list[dict[str, str]]) -> list[dict[str, Any]]:
    async with desk.house.peer("auth", "operator") as operator:
        return list((await operator.post("/internal/import", json={"source": "there", "people": people})).json()["people"])


async def test_a_name_of_another_source_is_another_person(desk: Desk) -> None:
    (here,) = await bring(desk, person("Anna Lund"))
    (there,) = await bring(desk, person("Anna Lund"), source="elsewhere")
    assert here["id"] != there["id"]
    assert set(await users(desk)) >= {"anna-lund@imported.invalid", "anna-lund-2@imported.invalid"}


async def test_names_that_give_one_address_are_told_apart_and_nobody_is_taken_for_somebody_here(desk: Desk) -> None:
    async with desk.browser() as eve:
        body = {"name": "Eve", "email": "Anna-Lund@imported.invalid", "password": PASSWORD}
        taken = (await eve.post("/api/auth/register", json=body)).json()
    found = await bring(desk, person("Anna Lund"), person("Anna-Lund"), person("李"), person("王"), person("anna LUND"))
    ids = [one["id"] for one in found]
    assert ids[0] == ids[4]  # the same person in other letters
    assert len({taken["id"], *ids}) == 5
    assert set(await users(desk)) >= {
        "anna-lund-2@imported.invalid",
        "anna-lund-3@imported.invalid",
        "person@imported.invalid",
        "person-2@imported.invalid",
    }


async def test_they_cannot_sign_in_and_are_never_the_last_admin(desk: Desk) -> None:
    (resolver,) = await bring(desk, person("Resolver 1", "admin"))
    async with desk.signed_in("ada", admin=True) as ada:
        answer = await ada.post("/api/auth/login", json={"email": "resolver-1@imported.invalid", "password": PASSWORD})
        assert problem(answer) == (401, "invalid-credentials")
        me = (await ada.get("/api/auth/me")).json()["id"]
        assert problem(await ada.patch(f"/api/auth/users/{me}", json={"role": "user"})) == (409, "last-admin")
        for body in ({"role": "user"}, {"role": "admin", "active": False}):
            assert (await ada.patch(f"/api/auth/users/{resolver['id']}", json=body)).status_code == 200
    with desk.running.store.read() as connection:
        hashes = connection.execute(select(credentials.c.hash).where(credentials.c.user_id == resolver["id"])).scalars().all()
    assert hashes == [None]


async def test_who_turns_out_to_have_had_tickets_becomes_an_admin_once(desk: Desk) -> None:
    (first,) = await bring(desk, person("Resolver 1"))
    (second,) = await bring(desk, person("Resolver 1", "admin"))
    assert second == {"id": first["id"], "new": False}
    changed = desk.log()[-1]
    assert (changed.type, changed.imported) == ("user.role_changed", True)
    with desk.running.store.read() as connection:
        (kept,) = connection.execute(select(imported_people)).all()
    assert (kept.user_id, kept.role, kept.version) == (first["id"], "admin", 2)
    async with desk.signed_in("ada", admin=True) as ada:
        await ada.patch(f"/api/auth/users/{first['id']}", json={"role": "user"})
        before = len(desk.log())
        await bring(desk, person("Resolver 1", "admin"))
        await bring(desk, person("Resolver 1", "user"))
        assert len(desk.log()) == before  # what was decided here stays


@dataclass(frozen=True)
class Erase:
    """Ends a person, as an erasure does."""

    user: str

    def reads(self) -> Iterable[Key]:
        return [("stream", f"user/{self.user}")]

    def run(self, tx: Transaction) -> None:
        tx.append(f"user/{self.user}", [UserErased()], Context(actor=Actor(kind="system", id="auth"), at=tx.now))


async def test_a_restore_forgets_whom_it_takes_away(desk: Desk) -> None:
    await bring(desk, person("Anna Lund"))
    await bring(desk, person("Ben Otis"))
    await bring(desk, person("Anna Lund", "admin"))
    with desk.running.store.writing.connect() as connection:

        def left(kept: int) -> list[tuple[str, int]]:
            """Return who is known after a cut behind this event, which is undone again."""
            forget(connection, kept)
            found = [(row.role, row.version) for row in connection.execute(select(imported_people))]
            connection.rollback()
            return sorted(found)

        assert [left(kept) for kept in (3, 2, 1, 0)] == [[("admin", 2), ("user", 1)], [("user", 1)] * 2, [("user", 1)], []]


async def test_who_was_erased_is_not_brought_back(desk: Desk) -> None:
    (gone,) = await bring(desk, person("Anna Lund"))
    await desk.running.writer.execute(Erase(gone["id"]))
    before = len(desk.log())
    assert await bring(desk, person("Anna Lund", "admin")) == [{"refused": "They were erased from this desk."}]
    assert len(desk.log()) == before


async def test_a_name_is_kept_in_no_form_that_could_be_read(desk: Desk) -> None:
    await bring(desk, person("Anna Lund"))
    with desk.running.store.read() as connection:
        (row,) = connection.execute(select(imported_people)).all()
    assert (row.source, row.role, len(row.name_digest)) == ("there", "user", 64)
    assert "anna" not in str(row).lower()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (person("x" * 101), "name"),
        (person("a\nb"), "name must be one line"),
        (person(" "), "name"),
        (person("Anna", "boss"), "role"),
        (person("Anna", at="1969-12-31T23:59:59.000000Z"), "at must not be before 1970"),
        (person("Anna", at="2999-01-01T00:00:00.000000Z"), "at must not be in the future"),
        (person("Anna", at="yesterday"), "at"),
        ({"name": "Anna"}, "role"),
        ({**person("Anna"), "email": "a@b.example"}, "email"),
        ("Anna", ""),
        (None, ""),
    ],
)
async def test_one_who_cannot_have_an_account_keeps_nobody_else_from_one(desk: Desk, wrong: Any, why: str) -> None:
    refused, brought = await bring(desk, wrong, person("Ben Otis"))
    assert why in refused["refused"]
    assert refused["refused"]
    assert brought["new"]
    assert len(desk.log()) == 1


async def test_only_the_operator_brings_people(desk: Desk) -> None:
    body = {"source": "there", "people": [person("Anna Lund")]}
    async with desk.signed_in("ada", admin=True) as ada, desk.house.peer("auth") as peer, desk.house.peer("auth", "operator") as operator:
        for client in (ada, peer):
            assert problem(await client.post("/internal/import", json=body)) == (403, "not-permitted")
        for wrong in ({}, {**body, "source": "No such"}, {**body, "people": []}, {**body, "people": [person("A")] * 101}, {**body, "x": 1}):
            assert problem(await operator.post("/internal/import", json=wrong)) == (422, "invalid")
        assert (await sign_in(operator, "ada")).status_code == 200
