"""Erasing somebody at a running auth: over HTTP, as an admin."""

import asyncio

from sqlalchemy import select

from auth.commands import EraseUser
from auth.tables import api_tokens, credentials, sessions
from auth.units import EraseUserUnit
from events.decider import Context
from events.envelope import Actor
from events.erasures import mark
from tests.integration.auth.visitors import PASSWORD, Desk, erased, in_one_batch, problem, sign_in
from tests.support.house import eventually

OPERATOR = Actor(kind="system", id="operator")


async def test_an_admin_erases_somebody_whose_name_is_given_back_as_null(desk: Desk) -> None:
    anna = await desk.register("anna")
    async with desk.signed_in("ada", admin=True) as admin, desk.signed_in("anna", register=False) as client:
        made = (await client.post("/api/auth/tokens", json={"name": "robot"})).json()
        answer = await admin.post(f"/api/auth/users/{anna['id']}/erase", json={"email": "ANNA@example.org"})
        assert (answer.status_code, answer.json()["id"]) == (202, anna["id"])
        assert (await client.get("/api/auth/me")).status_code == 401
        bearer = {"authorization": f"Bearer {made['token']}"}
        assert (await client.get("/api/auth/me", headers=bearer)).status_code == 401
        listed = (await admin.get("/api/auth/users")).json()["items"]
        [left] = [person for person in listed if person["id"] == anna["id"]]
        assert (left["name"], left["email"], left["active"], left["can_sign_in"]) == (None, None, False, False)
        again = await admin.post(f"/api/auth/users/{anna['id']}/erase", json={"email": "whoever@example.org"})
        assert (again.status_code, again.json()) == (202, answer.json())
    await erased(desk, anna["id"])
    assert desk.types(f"user/{anna['id']}")[-3:] == ["user.session_ended", "token.revoked", "user.erased"]
    assert [stored.personal for stored in desk.log() if stored.personalof == anna["id"]] == [None] * 3
    with desk.running.store.read() as connection:
        kept = [
            connection.execute(select(table).where(table.c.user_id == anna["id"])).all() for table in (credentials, sessions, api_tokens)
        ]
    assert kept == [[], [], []]


async def test_a_sign_in_after_it_is_a_strangers_and_the_e_mail_is_free(desk: Desk) -> None:
    anna = await desk.register("anna")
    async with desk.signed_in("ada", admin=True) as admin, desk.browser() as visitor:
        await admin.post(f"/api/auth/users/{anna['id']}/erase", json={"email": "anna@example.org"})
        before = len(desk.log())
        assert problem(await sign_in(visitor, "anna")) == (401, "invalid-credentials")
        [tried] = desk.log()[before:]
        assert (tried.type, tried.entity[0], tried.personal) == ("user.login_failed", "login", None)
        new = await desk.register("anna")
        assert new["id"] != anna["id"]
        assert (await sign_in(visitor, "anna")).status_code == 200


async def test_somebody_who_signs_in_in_the_same_moment_is_out_all_the_same(desk: Desk) -> None:
    """Both commands are in one transaction; what the second one decides on is what the first one left."""
    anna = await desk.register("anna")
    context = Context(actor=OPERATOR, at=desk.running.environment.now())
    unit = EraseUserUnit(command=EraseUser(user=anna["id"], confirmed=None, by=None), context=context)
    async with desk.browser() as visitor:
        signing_in = asyncio.ensure_future(sign_in(visitor, "anna"))
        await eventually(lambda: desk.running.parts.passwords is not None)
        await in_one_batch(desk.running.writer, unit, unit)
        answer = await signing_in
        assert answer.status_code in (200, 401)
        assert (await visitor.get("/api/auth/me")).status_code == 401
    await erased(desk, anna["id"])
    assert all(stored.personal is None for stored in desk.log() if stored.subject == f"user/{anna['id']}")
    assert desk.types(f"user/{anna['id']}").count("user.erased") == 1
    assert desk.types(f"user/{anna['id']}")[-1] == "user.erased"


async def test_the_last_admin_stays_and_another_may_go_even_by_their_own_hand(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada:
        me = (await ada.get("/api/auth/me")).json()
        refused = await ada.post(f"/api/auth/users/{me['id']}/erase", json={"email": me["email"]})
        assert problem(refused) == (409, "last-admin")
        await desk.register("eve", admin=True)
        gone = await ada.post(f"/api/auth/users/{me['id']}/erase", json={"email": me["email"]})
        assert gone.status_code == 202
        assert (await ada.get("/api/auth/me")).status_code == 401


async def test_what_cannot_be_meant_erases_nobody(desk: Desk) -> None:
    anna = await desk.register("anna")
    path = f"/api/auth/users/{anna['id']}"
    async with desk.signed_in("ada", admin=True) as admin, desk.signed_in("anna", register=False) as user:
        assert problem(await admin.post(f"{path}/erase", json={"email": "ben@example.org"})) == (422, "invalid")
        assert problem(await admin.post(f"{path}/erase", json={})) == (422, "invalid")
        assert problem(await admin.post("/api/auth/users/nobody/erase", json={"email": "ben@example.org"})) == (404, "not-found")
        assert problem(await user.post(f"{path}/erase", json={"email": "anna@example.org"})) == (403, "not-permitted")
        assert problem(await admin.get(f"{path}/erasure")) == (404, "not-found")
        assert (await user.get("/api/auth/me")).json()["email"] == "anna@example.org"
    assert "user.erased" not in desk.types(f"user/{anna['id']}")


async def test_an_erased_account_cannot_be_changed(desk: Desk) -> None:
    anna = await desk.register("anna")
    async with desk.signed_in("ada", admin=True) as admin:
        await admin.post(f"/api/auth/users/{anna['id']}/erase", json={"email": "anna@example.org"})
        for change in ({"active": True}, {"role": "admin"}):
            assert problem(await admin.patch(f"/api/auth/users/{anna['id']}", json=change)) == (409, "erased")
        shown = (await admin.get(f"/api/auth/users/{anna['id']}")).json()
    assert (shown["name"], shown["email"], shown["active"], shown["can_sign_in"]) == (None, None, False, False)


async def test_the_same_key_erases_once_and_is_answered_alike(desk: Desk) -> None:
    anna = await desk.register("anna")
    async with desk.signed_in("ada", admin=True) as admin:
        told = [
            await admin.post(f"/api/auth/users/{anna['id']}/erase", json={"email": "anna@example.org"}, headers={"Idempotency-Key": "k"})
            for _ in range(2)
        ]
    assert [answer.status_code for answer in told] == [202, 202]
    assert told[0].json() == told[1].json()


async def test_other_services_that_are_away_are_named(desk: Desk) -> None:
    anna = await desk.register("anna")
    async with desk.signed_in("ada", admin=True) as admin:
        await admin.post(f"/api/auth/users/{anna['id']}/erase", json={"email": "anna@example.org"})
        await erased(desk, anna["id"])
        told = (await admin.get(f"/api/auth/users/{anna['id']}/erasure")).json()
    assert not told["done"]
    by_source = {store["source"]: store for store in told["stores"]}
    assert by_source["/auth"]["done_at"] is not None
    assert by_source["/auth"]["blanked"]["events"] == 1
    assert "cannot be reached" in by_source["/tickets"]["trouble"]


async def test_who_is_only_marked_in_a_restored_store_is_erased_at_the_next_start(desk: Desk) -> None:
    """Their account is there again, with everything; the tombstone is what a restore puts up."""
    anna = await desk.register("anna")
    async with desk.browser() as visitor:
        assert (await sign_in(visitor, "anna")).status_code == 200
    store, now = desk.running.store, desk.running.environment.now()
    with store.writing.begin() as connection:
        mark(connection, [anna["id"], "somebody-of-a-later-time"], now)
    await desk.house.restart("auth")
    await erased(desk, anna["id"])
    await eventually(lambda: desk.types(f"user/{anna['id']}")[-1] == "user.erased", 30)
    async with desk.browser() as visitor:
        assert problem(await sign_in(visitor, "anna")) == (401, "invalid-credentials")
        assert (await visitor.post("/api/auth/login", json={"email": "x@example.org", "password": PASSWORD})).status_code == 401
