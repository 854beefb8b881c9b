"""One's own sessions, password and tokens."""

import asyncio
from pathlib import Path

import pytest

from auth.rules import MOST_SESSIONS
from tests.integration.auth.visitors import PASSWORD, Desk, bearer, problem, sign_in
from tests.support.house import house

NEW = "five-words-say-even-more"
LONG_AGO = "2020-01-01T00:00:00.000000Z"


async def test_one_sees_where_one_is_signed_in(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.browser(**{"user-agent": "Telephone/1"}) as phone:
        await sign_in(phone, "anna")
        items = (await anna.get("/api/auth/sessions")).json()["items"]
        assert [(item["agent"].startswith("Telephone"), item["current"], item["address"]) for item in items] == [
            (True, False, "127.0.0.1"),
            (False, True, "127.0.0.1"),
        ]
        assert {"id", "address", "agent", "created_at", "last_seen_at", "current"} == items[0].keys()


async def test_sessions_come_in_pages(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        for _ in range(3):
            async with desk.browser() as other:
                await sign_in(other, "anna")
        seen, cursor = [], None
        while True:
            page = (await anna.get("/api/auth/sessions", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))).json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == sorted({row["id"] for row in desk.sessions()}, reverse=True)
        assert problem(await anna.get("/api/auth/tokens", params={"cursor": "made-up"})) == (422, "invalid")


async def test_ending_a_session_is_at_once_and_of_ones_own_alone(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.browser() as phone, desk.signed_in("ben") as ben:
        await sign_in(phone, "anna")
        (bens,) = (await ben.get("/api/auth/sessions")).json()["items"]
        phones, annas = [item["id"] for item in (await anna.get("/api/auth/sessions")).json()["items"]]
        assert problem(await anna.delete(f"/api/auth/sessions/{bens['id']}")) == (404, "not-found")
        assert problem(await anna.delete("/api/auth/sessions/not-there")) == (404, "not-found")
        assert (await anna.delete(f"/api/auth/sessions/{phones}")).status_code == 204
        assert problem(await phone.get("/api/auth/me")) == (401, "not-signed-in")
        assert problem(await anna.delete(f"/api/auth/sessions/{phones}")) == (404, "not-found")
        assert (await ben.get("/api/auth/me")).status_code == 200
        ended = await anna.delete(f"/api/auth/sessions/{annas}")
        assert (ended.status_code, "Max-Age=0" in ended.headers["set-cookie"]) == (204, True)
        assert problem(await anna.get("/api/auth/me")) == (401, "not-signed-in")
    assert [event.session for event in desk.events("user.session_ended")] == [phones, annas]


async def test_ending_all_but_this_one(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.browser() as phone, desk.browser() as laptop:
        await sign_in(phone, "anna")
        await sign_in(laptop, "anna")
        assert (await anna.delete("/api/auth/sessions")).status_code == 204
        assert (await anna.delete("/api/auth/sessions")).status_code == 204
        answers = await asyncio.gather(*(client.get("/api/auth/me") for client in (anna, phone, laptop)))
        assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert len(desk.events("user.session_ended")) == 2


async def test_nobody_has_more_sessions_than_anyone_could_look_through(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        first = anna.cookies["sid"]
        for _ in range(MOST_SESSIONS):
            async with desk.browser() as another:
                await sign_in(another, "anna")
        assert problem(await anna.get("/api/auth/me")) == (401, "not-signed-in")
    assert first
    assert len([row for row in desk.sessions() if row["ended_at"] is None]) == MOST_SESSIONS


@pytest.mark.parametrize("column", ["last_seen_at", "created_at"])
async def test_a_session_that_ran_out_is_dead_before_anybody_sweeps_it(desk: Desk, column: str) -> None:
    async with desk.signed_in("anna") as anna:
        (row,) = desk.sessions()
        assert (await anna.get("/api/auth/me")).status_code == 200
        desk.date_back(row["id"], **{column: LONG_AGO})
        assert problem(await anna.get("/api/auth/me")) == (401, "not-signed-in")


async def test_another_password_ends_the_other_sessions_and_the_old_password(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.browser() as phone:
        await sign_in(phone, "anna")
        robot = bearer((await anna.post("/api/auth/tokens", json={"name": "robot"})).json()["token"])
        assert (await anna.post("/api/auth/password", json={"current_password": PASSWORD, "new_password": NEW})).status_code == 204
        assert (await anna.get("/api/auth/me")).status_code == 200
        assert problem(await phone.get("/api/auth/me")) == (401, "not-signed-in")
        assert problem(await sign_in(phone, "anna")) == (401, "invalid-credentials")
        assert (await sign_in(phone, "anna", NEW)).status_code == 200
        async with desk.browser() as machine:
            assert (await machine.get("/api/auth/me", headers=robot)).status_code == 200
    assert len(desk.events("user.password_changed")) == 1


async def test_a_password_is_changed_by_who_knows_it_and_to_one_that_is_worth_it(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.browser() as phone:
        await sign_in(phone, "anna")
        for current, new, refusal, field in (
            ("not-my-password", NEW, "wrong-password", "current_password"),
            (PASSWORD, "short-y", "invalid", "new_password"),
            (PASSWORD, "Passw0rd123!", "invalid", "new_password"),
        ):
            answer = await anna.post("/api/auth/password", json={"current_password": current, "new_password": new})
            assert problem(answer) == (422, refusal)
            assert answer.json()["errors"][0]["loc"] == ["body", field]
            assert new not in answer.text
        assert (await phone.get("/api/auth/me")).status_code == 200
    assert desk.events("user.password_changed") == []


async def test_a_stolen_session_does_not_get_to_guess_the_password(tmp_path: Path) -> None:
    async with house(tmp_path, "auth", rate_limits="on") as made:
        desk = Desk(made)
        async with desk.signed_in("anna") as anna:
            guess = {"current_password": "not-her-password", "new_password": NEW}
            wrong = [problem(await anna.post("/api/auth/password", json=guess)) for _ in range(10)]
            assert wrong == [(422, "wrong-password")] * 10
            right = await anna.post("/api/auth/password", json={**guess, "current_password": PASSWORD})
            assert problem(right) == (429, "too-many-requests")


async def test_two_changes_of_one_password_at_once_are_one(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        bodies = [{"current_password": PASSWORD, "new_password": f"{NEW}-{n}"} for n in range(4)]
        answers = await asyncio.gather(*(anna.post("/api/auth/password", json=body) for body in bodies))
        assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422]
    assert len(desk.events("user.password_changed")) == 1


async def test_a_token_is_shown_once_and_acts_with_its_scopes(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.browser() as machine:
        made = (await anna.post("/api/auth/tokens", json={"name": "Nightly export", "scopes": ["read"], "expires_in_days": 1})).json()
        assert made["token"].startswith("ste_")
        (listed,) = (await anna.get("/api/auth/tokens")).json()["items"]
        assert listed == {name: value for name, value in made.items() if name != "token"}
        assert listed["scopes"] == ["read"]
        robot = bearer(made["token"])
        assert (await machine.get("/api/auth/me", headers=robot)).json()["name"] == "anna"
        assert problem(await machine.get("/api/auth/me", headers=bearer(made["token"][:-1]))) == (401, "not-signed-in")
        assert problem(await machine.post("/api/auth/logout", headers=robot)) == (403, "missing-scope")
    (event,) = desk.events("token.created")
    assert (event.token, event.scopes, event.name) == (made["id"], ["read"], "Nightly export")


async def test_scopes_are_read_and_write_unless_said_otherwise(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        made = (await anna.post("/api/auth/tokens", json={"name": "robot"})).json()
        assert made["scopes"] == ["read", "write"]
        days = int(made["expires_at"][:4]) * 365 - int(made["created_at"][:4]) * 365
        assert days in (0, 365)
        for wrong in (
            {"name": "robot", "scopes": []},
            {"name": "robot", "scopes": ["all"]},
            {"name": "robot", "expires_in_days": 366},
            {"name": "robot", "expires_in_days": 0},
            {"name": ""},
            {},
        ):
            assert problem(await anna.post("/api/auth/tokens", json=wrong)) == (422, "invalid")


async def test_a_token_manages_neither_sessions_nor_passwords_nor_tokens(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada, desk.browser() as machine:
        made = (await ada.post("/api/auth/tokens", json={"name": "robot", "scopes": ["read", "write", "admin"]})).json()
        calls = [
            ("GET", "sessions", None),
            ("DELETE", "sessions", None),
            ("DELETE", "sessions/some", None),
            ("GET", "tokens", None),
            ("POST", "tokens", {"name": "another"}),
            ("DELETE", f"tokens/{made['id']}", None),
            ("POST", "password", {"current_password": PASSWORD, "new_password": NEW}),
            ("POST", "logout", None),
        ]
        for method, path, body in calls:
            answer = await machine.request(method, f"/api/auth/{path}", json=body, headers=bearer(made["token"]))
            assert problem(answer) == (403, "session-needed"), path


async def test_only_an_admins_token_can_act_as_one_and_only_when_made_for_it(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada, desk.signed_in("anna") as anna, desk.browser() as machine:
        assert problem(await anna.post("/api/auth/tokens", json={"name": "robot", "scopes": ["admin"]})) == (403, "not-permitted")
        plain = bearer((await ada.post("/api/auth/tokens", json={"name": "plain"})).json()["token"])
        made = await ada.post("/api/auth/tokens", json={"name": "admin", "scopes": ["read", "admin"]})
        assert problem(await machine.get("/api/auth/users", headers=plain)) == (403, "missing-scope")
        assert (await machine.get("/api/auth/users", headers=bearer(made.json()["token"]))).status_code == 200


async def test_a_revoked_token_is_dead_at_once_and_nobody_revokes_anothers(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna, desk.signed_in("ben") as ben, desk.browser() as machine:
        made = (await anna.post("/api/auth/tokens", json={"name": "robot"})).json()
        path = f"/api/auth/tokens/{made['id']}"
        assert problem(await ben.delete(path)) == (404, "not-found")
        assert (await anna.delete(path)).status_code == 204
        assert problem(await machine.get("/api/auth/me", headers=bearer(made["token"]))) == (401, "not-signed-in")
        assert problem(await anna.delete(path)) == (404, "not-found")
        assert (await anna.get("/api/auth/tokens")).json()["items"] == []
    assert [event.token for event in desk.events("token.revoked")] == [made["id"]]
