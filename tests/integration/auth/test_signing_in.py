import asyncio
from collections import Counter
from pathlib import Path

from auth.queries import find_hash
from auth.units import SYSTEM, SignInUnit
from events.decider import Context
from tests.integration.auth.visitors import PASSWORD, Desk, bearer, problem, sign_in, without
from tests.support.house import house
from tests.unit.auth.people import HOME

ANNA = {"name": "Anna Lund", "email": "Anna@Example.org", "password": PASSWORD}


async def test_registering_opens_an_account_and_signs_nobody_in(desk: Desk) -> None:
    async with desk.browser() as anna:
        answer = await anna.post("/api/auth/register", json=ANNA)
        assert answer.status_code == 201
        user = answer.json()
        assert without(user, "id", "created_at") == without(
            {"name": "Anna Lund", "email": "Anna@Example.org", "role": "user", "active": True, "can_sign_in": True}
        )
        assert "set-cookie" not in answer.headers
        assert problem(await anna.get("/api/auth/me")) == (401, "not-signed-in")
    assert desk.types(f"user/{user['id']}") == ["user.registered"]


async def test_one_email_is_one_account_however_it_is_written(desk: Desk) -> None:
    async with desk.browser() as anna:
        await anna.post("/api/auth/register", json=ANNA)
        for email in ("Anna@Example.org", "ANNA@EXAMPLE.ORG", " anna@example.org "):
            assert problem(await anna.post("/api/auth/register", json={**ANNA, "email": email})) == (409, "email-taken")
            assert (await anna.post("/api/auth/login", json={"email": email, "password": PASSWORD})).status_code == 200


async def test_two_registrations_of_one_email_at_once_are_one_account(desk: Desk) -> None:
    async with desk.browser() as one, desk.browser() as other:
        tries = [
            client.post("/api/auth/register", json={**ANNA, "email": email})
            for client, email in ((one, "anna@example.org"), (other, "ANNA@example.org")) * 5
        ]
        answers = await asyncio.gather(*tries)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 9}
    assert len(desk.events("user.registered")) == 1


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": "Anna\r\nBcc: eve@example.org"}, "name"),
    ({"email": "anna"}, "email"),
    ({"email": "x" * 243 + "@example.org"}, "email"),
    ({"email": "a b@example.org"}, "email"),
    ({"password": "sh0rt-y"}, "password"),
    ({"password": "x-" * 129}, "password"),
    ({"password": "Passw0rd123!"}, "password"),
    ({"role": "admin"}, "role"),
    ({"password": 12345678}, "password"),
]


async def test_what_cannot_be_meant_is_refused_by_field_and_never_said_back(desk: Desk) -> None:
    async with desk.browser() as anna:
        for change, field in REFUSED:
            answer = await anna.post("/api/auth/register", json={**ANNA, **change})
            assert problem(answer) == (422, "invalid"), change
            assert [error["loc"] for error in answer.json()["errors"]] == [["body", field]]
            (sent,) = change.values()
            assert len(str(sent).strip()) < 6 or str(sent) not in answer.text
    assert desk.log() == []


async def test_signing_in_gives_a_cookie_that_only_the_browser_itself_can_read(desk: Desk) -> None:
    user = await desk.register("anna")
    async with desk.browser() as anna:
        answer = await sign_in(anna, "anna")
        assert answer.json() == user
        name, _, rest = answer.headers["set-cookie"].partition("=")
        secret, *attributes = rest.split("; ")
        assert (name, sorted(attributes)) == ("sid", ["HttpOnly", "Path=/", "SameSite=Lax"])
        assert len(secret) >= 43
        assert (await anna.get("/api/auth/me")).json() == user
    (row,) = desk.sessions()
    assert secret not in str(row)


async def test_under_https_the_cookie_is_secure_and_bound_to_its_host(tmp_path: Path) -> None:
    async with house(tmp_path, "auth", origin="https://desk.example.org") as made:
        desk = Desk(made)
        await desk.register("anna")
        async with desk.browser() as anna:
            set_cookie = (await sign_in(anna, "anna")).headers["set-cookie"]
        assert set_cookie.startswith("__Host-sid=")
        assert sorted(set_cookie.split("; ")[1:]) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]
        cookie = set_cookie.partition(";")[0]
        async with desk.browser(cookie=cookie) as anna:
            assert (await anna.get("/api/auth/me")).status_code == 200
        async with desk.browser(cookie=cookie.removeprefix("__Host-")) as eve:
            assert (await eve.get("/api/auth/me")).status_code == 401


async def test_nobody_learns_whether_it_was_the_email_or_the_password_or_the_account(desk: Desk) -> None:
    await desk.register("anna")
    ben = await desk.register("ben")
    async with desk.signed_in("ada", admin=True) as ada:
        assert (await ada.patch(f"/api/auth/users/{ben['id']}", json={"active": False})).status_code == 200
    async with desk.browser() as eve:
        answers = [
            await sign_in(eve, "anna", "not-her-password"),
            await sign_in(eve, "nobody"),
            await sign_in(eve, "ben"),
            await eve.post("/api/auth/login", json={"email": "no address at all", "password": "x"}),
        ]
    assert {problem(answer) for answer in answers} == {(401, "invalid-credentials")}
    assert len({answer.text for answer in answers}) == 1
    assert len({without(answer.headers, "x-request-id", "date") for answer in answers}) == 1
    assert [event.reason for event in desk.events("user.login_failed")] == ["wrong-password", "unknown-email", "inactive", "unknown-email"]


async def test_a_failed_login_is_told_where_the_person_is_known_and_of_a_stranger_nothing_personal_is_kept(desk: Desk) -> None:
    anna = await desk.register("anna")
    async with desk.browser() as eve:
        await sign_in(eve, "anna", "not-her-password")
        await sign_in(eve, "nobody")
        await eve.post("/api/auth/login", json={"email": "NOBODY@example.org", "password": PASSWORD})
    known, *strangers = [stored for stored in desk.log() if stored.type == "user.login_failed"]
    assert known.subject == f"user/{anna['id']}"
    assert (known.actorkind, known.actorid) == ("system", "auth")
    assert b"127.0.0.1" in (known.personal or b"")
    assert len({stored.subject for stored in strangers}) == 1
    assert strangers[0].subject.startswith("login/")
    assert all(stored.personal is None for stored in strangers)
    assert "nobody" not in str(strangers)


async def test_signing_in_again_ends_the_session_whose_cookie_came_along(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        old = anna.cookies["sid"]
        assert (await sign_in(anna, "anna")).status_code == 200
        assert anna.cookies["sid"] != old
        assert len((await anna.get("/api/auth/sessions")).json()["items"]) == 1
        async with desk.browser(cookie=f"sid={old}") as eve:
            assert (await eve.get("/api/auth/me")).status_code == 401
        me = (await anna.get("/api/auth/me")).json()["id"]
    assert desk.types(f"user/{me}") == ["user.registered", "user.logged_in", "user.session_ended", "user.logged_in"]


async def test_somebody_elses_session_ends_too_when_its_cookie_is_replaced(desk: Desk) -> None:
    ben = await desk.register("ben")
    async with desk.signed_in("anna") as browser:
        annas = browser.cookies["sid"]
        await sign_in(browser, "ben")
        assert (await browser.get("/api/auth/me")).json()["id"] == ben["id"]
        async with desk.browser(cookie=f"sid={annas}") as eve:
            assert (await eve.get("/api/auth/me")).status_code == 401


async def test_a_token_beside_the_cookie_does_not_save_the_session_that_is_replaced(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        old = anna.cookies["sid"]
        body = {"email": "anna@example.org", "password": PASSWORD}
        assert (await anna.post("/api/auth/login", json=body, headers=bearer("ste_anything"))).status_code == 200
        async with desk.browser(cookie=f"sid={old}") as eve:
            assert (await eve.get("/api/auth/me")).status_code == 401


async def test_a_failed_login_leaves_the_session_that_is_there(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        await sign_in(anna, "anna", "not-her-password")
        assert (await anna.get("/api/auth/me")).status_code == 200


async def test_signing_out_is_at_once_and_for_good(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        secret = anna.cookies["sid"]
        me = (await anna.get("/api/auth/me")).json()["id"]
        answer = await anna.post("/api/auth/logout")
        assert answer.status_code == 204
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert "sid" not in anna.cookies
    async with desk.browser(cookie=f"sid={secret}") as eve:
        assert problem(await eve.get("/api/auth/me")) == (401, "not-signed-in")
        assert problem(await eve.post("/api/auth/logout")) == (401, "not-signed-in")
    assert desk.types(f"user/{me}")[-1] == "user.logged_out"


async def test_another_site_can_neither_register_nor_sign_anybody_in(desk: Desk) -> None:
    await desk.register("anna")
    bodies = {"register": {**ANNA, "email": "eve@example.org"}, "login": {"email": "anna@example.org", "password": PASSWORD}}
    elsewhere = [{}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}]
    async with desk.browser() as eve:
        del eve.headers["sec-fetch-site"]
        for path, body in bodies.items():
            for headers in elsewhere:
                assert problem(await eve.post(f"/api/auth/{path}", json=body, headers=headers)) == (403, "cross-site"), headers


async def test_another_site_cannot_use_a_cookie_but_a_token_comes_from_anywhere(desk: Desk) -> None:
    async with desk.signed_in("ada", admin=True) as ada:
        other = await desk.register("ben")
        made = await ada.post("/api/auth/tokens", json={"name": "robot", "scopes": ["write", "admin"]})
        change = f"/api/auth/users/{other['id']}"
        crossing = {"sec-fetch-site": "cross-site"}
        assert problem(await ada.patch(change, json={"role": "admin"}, headers=crossing)) == (403, "cross-site")
        robot = {**crossing, **bearer(made.json()["token"])}
        assert (await ada.patch(change, json={"role": "admin"}, headers=robot)).status_code == 200


async def test_five_wrong_passwords_and_ten_logins_are_enough_for_ten_minutes(tmp_path: Path) -> None:
    async with house(tmp_path, "auth", rate_limits="on") as made:
        desk = Desk(made)
        await desk.register("anna")
        await desk.register("ben")
        async with desk.browser() as eve:
            wrong = [problem(await sign_in(eve, "anna", "not-her-password")) for _ in range(5)]
            assert wrong == [(401, "invalid-credentials")] * 5
            stopped = await sign_in(eve, "anna")
            assert problem(stopped) == (429, "too-many-requests")
            assert 480 < int(stopped.headers["retry-after"]) <= 600  # ten minutes, less what this test has taken
            assert [(await sign_in(eve, "ben")).status_code for _ in range(5)] == [200] * 5
            assert problem(await sign_in(eve, "ben")) == (429, "too-many-requests")
        assert len(desk.events("user.login_failed")) == 5


async def test_five_registrations_an_hour_are_enough_for_an_address(tmp_path: Path) -> None:
    async with house(tmp_path, "auth", rate_limits="on") as made, made.client("auth") as eve:
        bodies = [{**ANNA, "email": f"anna{n}@example.org"} for n in range(6)]
        assert problem(await eve.post("/api/auth/register", json={**ANNA, "email": "-"})) == (422, "invalid")
        answers = [await eve.post("/api/auth/register", json=body) for body in bodies]
        assert [answer.status_code for answer in answers] == [201] * 5 + [429]
        assert 3500 < int(answers[-1].headers["retry-after"]) <= 3600


async def test_no_secret_stands_in_the_log(desk: Desk) -> None:
    async with desk.signed_in("anna") as anna:
        token = (await anna.post("/api/auth/tokens", json={"name": "robot"})).json()["token"]
        session = anna.cookies["sid"]
        change = {"current_password": PASSWORD, "new_password": "five-words-say-even-more"}
        assert (await anna.post("/api/auth/password", json=change)).status_code == 204
        await sign_in(anna, "anna", "not-her-password")
    log = b"".join(stored.wire() for stored in desk.log()).decode()
    rows = str(desk.sessions())
    for secret in (PASSWORD, "five-words-say-even-more", "not-her-password", token, session, "$2b$"):
        assert secret not in log
        assert secret not in rows


async def test_a_password_that_was_changed_while_it_was_checked_signs_nobody_in(desk: Desk) -> None:
    """What the route compared is not what counts any more: the unit decides on what is there by then."""
    async with desk.signed_in("anna") as anna:
        me = (await anna.get("/api/auth/me")).json()["id"]
        with desk.running.store.read() as connection:
            compared = find_hash(connection, me)
        change = {"current_password": PASSWORD, "new_password": "five-words-say-even-more"}
        assert (await anna.post("/api/auth/password", json=change)).status_code == 204
    too_late = SignInUnit(
        user=me,
        stranger="login/0",
        right=True,
        checked=compared,
        challenge="1" * 64,
        session="late",
        digest="0" * 64,
        device=HOME,
        replaced=None,
        context=Context(actor=SYSTEM, at=desk.running.environment.now()),
    )
    assert await desk.running.writer.execute(too_late) is None
    assert "late" not in [row["id"] for row in desk.sessions()]
    assert [event.reason for event in desk.events("user.login_failed")] == ["wrong-password"]


async def test_what_auth_refuses_is_a_problem_and_nothing_else(desk: Desk) -> None:
    async with desk.browser() as eve:
        for method, path, body in (
            ("POST", "/api/auth/login", b'{"email": "a", "email": "b", "password": "c"}'),
            ("POST", "/api/auth/login", b'{"email": "\\ud800", "password": "c"}'),
            ("POST", "/api/auth/login", b'{"email": "\\u0000", "password": "c"}'),
            ("POST", "/api/auth/login", b"[" * 100_000),
            ("POST", "/api/auth/login", b'{"email": NaN}'),
        ):
            answer = await eve.request(method, path, content=body, headers={"content-type": "application/json"})
            assert problem(answer) == (422, "invalid")
        assert problem(await eve.get("/api/auth/nothing")) == (404, "not-found")
        assert problem(await eve.get("/api/auth/login")) == (405, "method-not-allowed")
