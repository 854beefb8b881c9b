"""What admins do to accounts."""

import asyncio

import pytest

from auth.commands import ChangeAccount, Register
from auth.errors import EmailTaken, LastAdmin, SessionNotFound
from auth.units import ChangeAccountUnit, EndSessionsUnit, RegisterUnit, SignInUnit
from events.decider import Context
from events.envelope import Actor
from tests.integration.auth.visitors import Desk, bearer, in_one_batch, problem, sign_in
from tests.unit.auth.people import HOME


async def test_people_are_for_admins(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.browser() as nobody:
        me = (await anna.get("/api/auth/me")).json()["id"]
        for client, refusal in ((anna, (403, "not-permitted")), (nobody, (401, "not-signed-in"))):
            assert problem(await client.get("/api/auth/users")) == refusal
            assert problem(await client.get(f"/api/auth/users/{me}")) == refusal
            assert problem(await client.patch(f"/api/auth/users/{me}", json={"role": "admin"})) == refusal


async def test_the_list_of_people_is_paged_and_filtered(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada:
        for name in ("carl", "Berta", "anna", "Ärne"):
            await desk.register(name)
        names, cursor = [], None
        while True:
            page = (await ada.get("/api/auth/users", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
            names += [item["name"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
            other = await ada.get("/api/auth/users", params={"limit": 2, "cursor": cursor, "role": "user"})
            assert problem(other) == (422, "invalid")
        assert names == ["ada", "anna", "Berta", "carl", "Ärne"]

        async def found(**query: str) -> list[str]:
            answer = await ada.get("/api/auth/users", params=query)
            assert answer.status_code == 200, answer.text
            return [item["name"] for item in answer.json()["items"]]

        assert await found(q="ä") == ["Ärne"]
        assert await found(q="BERTA@example") == ["Berta"]
        assert await found(q="") == names
        assert await found(role="admin") == ["ada"]
        assert await found(active="false") == []
        assert await found(q='"; DROP TABLE users --') == []
        for wrong in ({"role": "boss"}, {"active": "maybe"}, {"limit": "0"}, {"limit": "101"}, {"colour": "red"}, {"q": "\x00"}):
            assert problem(await ada.get("/api/auth/users", params=wrong)) == (422, "invalid")


async def test_one_person_is_shown_as_in_the_list(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada:
        await desk.register("anna")
        for listed in (await ada.get("/api/auth/users")).json()["items"]:
            assert (await ada.get(f"/api/auth/users/{listed['id']}")).json() == listed
        for nobody in ("0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11", "a.b", "x" * 65):
            assert problem(await ada.get(f"/api/auth/users/{nobody}")) == (404, "not-found")


async def test_a_change_is_one_event_and_takes_effect_at_once(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada, desk.signed_in("anna") as anna:
        me = (await anna.get("/api/auth/me")).json()
        path = f"/api/auth/users/{me['id']}"
        assert (await ada.patch(path, json={"role": "admin"})).json() == {**me, "role": "admin"}
        assert (await anna.get("/api/auth/users")).status_code == 200
        assert (await ada.patch(path, json={"role": "admin", "active": True})).json() == {**me, "role": "admin"}
        assert (await ada.patch(path, json={"role": "user"})).json() == me
        assert problem(await anna.get("/api/auth/users")) == (403, "not-permitted")
    assert [(event.before, event.after) for event in desk.events("user.role_changed")] == [
        ({"role": "user"}, {"role": "admin"}),
        ({"role": "admin"}, {"role": "user"}),
    ]


async def test_a_change_that_says_nothing_or_too_much_is_refused_and_so_is_one_of_nobody(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada:
        me = (await ada.get("/api/auth/me")).json()["id"]
        bodies: list[object] = [{}, {"role": None}, {"active": None}, {"role": "boss"}, {"active": "no"}, {"name": "Eve"}, [], "admin"]
        for body in bodies:
            assert problem(await ada.patch(f"/api/auth/users/{me}", json=body)) == (422, "invalid"), body
        for user in ("nobody", "0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11", "x" * 65, "a%2Fb", "ä"):
            assert problem(await ada.patch(f"/api/auth/users/{user}", json={"role": "admin"})) == (404, "not-found"), user


async def test_who_is_deactivated_is_out_everywhere_and_comes_back_with_nothing(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada, desk.signed_in("anna") as anna, desk.browser() as machine:
        me = (await anna.get("/api/auth/me")).json()["id"]
        robot = bearer((await anna.post("/api/auth/tokens", json={"name": "robot"})).json()["token"])
        path = f"/api/auth/users/{me}"
        assert (await ada.patch(path, json={"active": False})).json()["active"] is False
        assert problem(await anna.get("/api/auth/me")) == (401, "not-signed-in")
        assert problem(await machine.get("/api/auth/me", headers=robot)) == (401, "not-signed-in")
        assert problem(await sign_in(anna, "anna")) == (401, "invalid-credentials")
        assert (await ada.patch(path, json={"active": True})).json()["active"] is True
        assert problem(await anna.get("/api/auth/me")) == (401, "not-signed-in")
        assert problem(await machine.get("/api/auth/me", headers=robot)) == (401, "not-signed-in")
        assert (await sign_in(anna, "anna")).status_code == 200
        boss = (await ada.get("/api/auth/me")).json()["id"]
    by_admin = [stored.type for stored in desk.log() if stored.subject == f"user/{me}" and stored.actorid == boss]
    assert by_admin == ["user.deactivated", "user.session_ended", "token.revoked", "user.reactivated"]


@pytest.mark.parametrize("removal", [{"role": "user"}, {"active": False}])
async def test_the_last_admin_stays(desk: Desk, removal: dict[str, object]) -> None:
    async with desk.signed_in("ada", admin=True) as ada:
        me = (await ada.get("/api/auth/me")).json()["id"]
        assert problem(await ada.patch(f"/api/auth/users/{me}", json=removal)) == (409, "last-admin")
        other = await desk.register("otto", admin=True)
        assert (await ada.patch(f"/api/auth/users/{other['id']}", json=removal)).status_code == 200
        assert problem(await ada.patch(f"/api/auth/users/{me}", json=removal)) == (409, "last-admin")


@pytest.mark.parametrize("removal", [{"role": "user"}, {"active": False}])
async def test_the_last_two_admins_cannot_remove_each_other_at_once(desk: Desk, removal: dict[str, object]) -> None:
    async with desk.signed_in("ada", admin=True) as ada, desk.signed_in("otto", admin=True) as otto:
        ids = [(await client.get("/api/auth/me")).json()["id"] for client in (ada, otto)]
        answers = await asyncio.gather(
            ada.patch(f"/api/auth/users/{ids[1]}", json=removal), otto.patch(f"/api/auth/users/{ids[0]}", json=removal)
        )
        statuses = sorted(answer.status_code for answer in answers)
        # the second may have been signed out before it was asked, or be an admin no more
        assert statuses[0] == 200
        assert statuses[1] in (401, 403, 409)
    assert len(desk.events("user.role_changed") + desk.events("user.deactivated")) == 1


async def test_in_one_batch_too_one_of_two_admins_stays(desk: Desk) -> None:
    ada, otto = [(await desk.register(name, admin=True))["id"] for name in ("ada", "otto")]
    now = desk.running.environment.now()

    def removal(user: str, by: str) -> ChangeAccountUnit:
        context = Context(actor=Actor(kind="user", id=by), at=now, correlation="test")
        return ChangeAccountUnit(command=ChangeAccount(user=user, role="user", active=None, by=by), context=context)

    first, second = await in_one_batch(desk.running.writer, removal(otto, ada), removal(ada, otto))
    assert first.role == "user"
    assert isinstance(second, LastAdmin)


async def test_in_one_batch_one_email_is_one_account_and_its_session_is_seen_by_who_comes_next(desk: Desk) -> None:
    now = desk.running.environment.now()

    def context(user: str) -> Context:
        return Context(actor=Actor(kind="user", id=user), at=now, correlation="test")

    def opening(user: str, email: str) -> RegisterUnit:
        return RegisterUnit(command=Register(user=user, name=user, email=email), hash="kept", context=context(user))

    signing_in = SignInUnit(
        user="anna",
        stranger="login/0",
        right=True,
        checked="kept",
        challenge="1" * 64,
        session="s1",
        digest="0" * 64,
        device=HOME,
        replaced=None,
        context=context("anna"),
    )
    leaving = EndSessionsUnit(user="anna", only="s1", context=context("anna"))
    opened, refused, signed_in, ended, again = await in_one_batch(
        desk.running.writer, opening("anna", "anna@example.org"), opening("eve", "ANNA@example.org"), signing_in, leaving, leaving
    )
    assert (opened.id, signed_in.id, ended) == ("anna", "anna", None)
    assert isinstance(refused, EmailTaken)
    assert isinstance(again, SessionNotFound)
    assert desk.types("user/anna") == ["user.registered", "user.logged_in", "user.session_ended"]
    assert desk.types("user/eve") == []
