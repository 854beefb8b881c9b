"""Two-factor sign-in at a running auth: turning it on and off, losing it, and what is kept of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from auth.rewinding import cut
from auth.rules import ENROLMENT
from auth.sweeping import SweepUnit
from auth.tables import login_challenges, recovery_codes, two_factor
from events.cutting import Cut, mark_at, since
from tests.integration.auth.apps import TimedDesk, challenged, give, timed
from tests.integration.auth.visitors import PASSWORD, bearer, erased, problem, sign_in
from tests.support.totp import code_at


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TimedDesk]:
    async with timed(tmp_path) as made:
        yield made


# -- turning it on and off ------------------------------------------------------------------------------------------------------------


async def test_nothing_is_asked_for_before_a_code_was_shown(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        assert await anna.standing() == {"enabled": False, "since": None, "recovery_codes_left": 0}
        begun = (await anna.begin()).json()
        assert set(begun) == {"secret", "uri", "expires_at"}
        assert begun["secret"] in begun["uri"]
        assert begun["uri"].startswith("otpauth://totp/Support%20Ticket%20Express:anna%40example.org?")
        assert await anna.standing() == {"enabled": False, "since": None, "recovery_codes_left": 0}
        assert (await sign_in(phone, "anna")).status_code == 200
    assert desk.events("user.two_factor_enabled") == []


async def test_a_code_turns_it_on_and_ends_the_other_sessions_but_no_token(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone, desk.browser() as machine:
        await sign_in(phone, "anna")
        robot = bearer((await anna.client.post("/api/auth/tokens", json={"name": "robot"})).json()["token"])
        await anna.turn_on()
        standing = await anna.standing()
        assert (standing["enabled"], standing["recovery_codes_left"], len(set(anna.codes))) == (True, 10, 10)
        assert standing["since"] is not None
        assert (await anna.client.get("/api/auth/me")).status_code == 200
        assert problem(await phone.get("/api/auth/me")) == (401, "not-signed-in")
        assert (await machine.get("/api/auth/me", headers=robot)).status_code == 200
        assert problem(await anna.begin()) == (409, "two-factor-enabled")
        again = await anna.client.post("/api/auth/two-factor/confirm", json={"code": anna.code()})
        assert problem(again) == (409, "two-factor-enabled")
    (stored,) = [stored for stored in desk.log() if stored.type == "user.two_factor_enabled"]
    assert (stored.actorkind, stored.subject) == ("user", f"user/{stored.actorid}")


async def test_it_begins_with_the_password_and_a_later_beginning_replaces_an_earlier_one(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna:
        wrong = await anna.client.post("/api/auth/two-factor", json={"current_password": "not-her-password"})
        assert problem(wrong) == (422, "wrong-password")
        assert wrong.json()["errors"][0]["loc"] == ["body", "current_password"]
        none = await anna.client.post("/api/auth/two-factor/confirm", json={"code": "123456"})
        assert problem(none) == (409, "no-enrolment")
        first = (await anna.begin()).json()["secret"]
        second = (await anna.begin()).json()["secret"]
        assert first != second
        refused = await anna.client.post("/api/auth/two-factor/confirm", json={"code": code_at(first, desk.clock.now)})
        assert problem(refused) == (422, "wrong-code")
        assert refused.json()["errors"][0]["loc"] == ["body", "code"]
        assert (await anna.client.post("/api/auth/two-factor/confirm", json={"code": anna.code()})).status_code == 200


async def test_what_is_not_confirmed_within_an_hour_is_gone(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna:
        await anna.begin()
        desk.clock.now += ENROLMENT
        late = await anna.client.post("/api/auth/two-factor/confirm", json={"code": anna.code()})
        assert problem(late) == (409, "no-enrolment")
        assert desk.count(two_factor) == 1
        await desk.running.writer.execute(SweepUnit(environment=desk.running.environment))
        assert desk.count(two_factor) == 0


async def test_it_is_turned_off_by_who_knows_the_password_and_has_a_code(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        assert problem(await anna.own("disable", "123456")) == (409, "two-factor-not-enabled")
        await anna.turn_on()
        assert problem(await anna.own("disable", anna.code(), "not-her-password")) == (422, "wrong-password")
        assert problem(await anna.own("disable", anna.wrong())) == (422, "wrong-code")
        assert (await anna.standing())["enabled"]
        assert (await anna.own("disable", anna.code())).status_code == 204
        assert not (await anna.standing())["enabled"]
        assert (await sign_in(phone, "anna")).status_code == 200
        assert (desk.count(two_factor), desk.count(recovery_codes)) == (0, 0)
        await anna.turn_on()
        assert (await anna.own("disable", anna.codes[0])).status_code == 204
    assert [event.left for event in desk.events("user.recovery_code_used")] == [9]
    assert len(desk.events("user.two_factor_disabled")) == 2


async def test_renewed_recovery_codes_take_the_place_of_the_old_ones(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        assert problem(await anna.own("recovery-codes", "123456")) == (409, "two-factor-not-enabled")
        await anna.turn_on()
        old = anna.codes
        assert problem(await anna.own("recovery-codes", anna.wrong())) == (422, "wrong-code")
        renewed = await anna.own("recovery-codes", old[3])
        assert renewed.status_code == 200
        assert not set(renewed.json()["recovery_codes"]) & set(old)
        assert (await anna.standing())["recovery_codes_left"] == 10
        challenge = await challenged(phone, "anna")
        assert problem(await give(phone, challenge, old[0])) == (401, "invalid-code")
        assert (await give(phone, challenge, renewed.json()["recovery_codes"][0])).status_code == 200
    assert len(desk.events("user.recovery_codes_renewed")) == 1


async def test_a_token_of_an_admin_has_nothing_to_say_about_it(desk: TimedDesk) -> None:
    async with desk.person("ada", admin=True) as ada, desk.browser() as machine:
        made = await ada.client.post("/api/auth/tokens", json={"name": "robot", "scopes": ["read", "write", "admin"]})
        calls: list[tuple[str, str, Any]] = [
            ("GET", "two-factor", None),
            ("POST", "two-factor", {"current_password": PASSWORD}),
            ("POST", "two-factor/confirm", {"code": "123456"}),
            ("POST", "two-factor/recovery-codes", {"current_password": PASSWORD, "code": "123456"}),
            ("POST", "two-factor/disable", {"current_password": PASSWORD, "code": "123456"}),
        ]
        for method, path, body in calls:
            answer = await machine.request(method, f"/api/auth/{path}", json=body, headers=bearer(made.json()["token"]))
            assert problem(answer) == (403, "session-needed"), path


# -- for who lost it ------------------------------------------------------------------------------------------------------------------


async def test_an_admin_resets_it_for_somebody_whose_sessions_end(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.person("ada", admin=True) as ada, desk.browser() as phone:
        await anna.turn_on()
        me, admin = [(await person.client.get("/api/auth/me")).json()["id"] for person in (anna, ada)]
        waiting = await challenged(phone, "anna")
        path = f"/api/auth/users/{me}/two-factor"
        assert problem(await anna.client.delete(path)) == (403, "not-permitted")
        assert (await ada.client.delete(path)).status_code == 204
        assert problem(await anna.client.get("/api/auth/me")) == (401, "not-signed-in")
        assert problem(await give(phone, waiting, anna.code())) == (401, "challenge-over")
        assert (await sign_in(phone, "anna")).status_code == 200
        assert (await ada.client.delete(path)).status_code == 204
        assert (await phone.get("/api/auth/me")).status_code == 200, "nothing was there to be reset"
        assert problem(await ada.client.delete("/api/auth/users/nobody/two-factor")) == (404, "not-found")
    (stored,) = [stored for stored in desk.log() if stored.type == "user.two_factor_disabled"]
    assert (stored.subject, stored.actorkind, stored.actorid) == (f"user/{me}", "user", admin)


async def test_nobody_resets_their_own_but_the_operator_does(desk: TimedDesk) -> None:
    async with desk.person("ada", admin=True) as ada, desk.house.peer("auth", "operator") as operator, desk.browser() as phone:
        await ada.turn_on()
        me = (await ada.client.get("/api/auth/me")).json()["id"]
        robot = bearer((await ada.client.post("/api/auth/tokens", json={"name": "r", "scopes": ["write", "admin"]})).json()["token"])
        for headers in ({}, robot):
            refused = await ada.client.delete(f"/api/auth/users/{me}/two-factor", headers=headers)
            assert problem(refused) == (403, "not-permitted")
        for was_on in (True, False):
            assert (await operator.post(f"/internal/users/{me}/reset-two-factor")).json() == {"was_on": was_on}
        assert problem(await operator.post("/internal/users/nobody/reset-two-factor")) == (404, "not-found")
        assert (await sign_in(phone, "ada")).status_code == 200
    (stored,) = [stored for stored in desk.log() if stored.type == "user.two_factor_disabled"]
    assert (stored.actorkind, stored.actorid) == ("system", "operator")


# -- what is kept ---------------------------------------------------------------------------------------------------------------------


async def test_an_erasure_takes_all_of_it_away(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.person("ada", admin=True) as ada, desk.browser() as phone:
        await anna.turn_on()
        me = (await anna.client.get("/api/auth/me")).json()["id"]
        waiting = await challenged(phone, "anna")
        assert (await ada.client.post(f"/api/auth/users/{me}/erase", json={"email": "anna@example.org"})).status_code == 202
        assert [desk.count(table) for table in (two_factor, recovery_codes, login_challenges)] == [0, 0, 0]
        assert problem(await give(phone, waiting, anna.code())) == (401, "challenge-over")
        await erased(desk, me)
        assert problem(await ada.client.delete(f"/api/auth/users/{me}/two-factor")) == (409, "erased")


async def test_neither_log_nor_store_has_a_secret_that_could_be_used(desk: TimedDesk, tmp_path: Path) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        await anna.turn_on()
        used, waiting = anna.code(), await challenged(phone, "anna")
        assert (await give(phone, waiting, used)).status_code == 200
        left = await challenged(phone, "anna")
        secrets = [anna.secret, *anna.codes, *(code.replace("-", "") for code in anna.codes), waiting, left]
    log = b"".join(stored.wire() for stored in desk.log())
    await desk.house.stop("auth")
    files = files_below(tmp_path)
    assert any(b"two_factor" in data for data in files.values()), "the store is among them"
    assert [secret for secret in secrets if secret.encode() in log] == []
    assert [(path.name, secret) for path, data in files.items() for secret in secrets if secret.encode() in data] == []
    await desk.house.start_again("auth")


async def test_a_restore_to_an_earlier_position_takes_it_from_nobody_whose_account_is_left(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        before = len(desk.log())
        await anna.turn_on()
        await challenged(phone, "anna")
    async with desk.person("ben") as ben:
        await ben.turn_on()
    me = desk.log()[0].subject.partition("/")[2]
    with desk.running.store.writing.connect() as connection:
        marks = {"/auth": mark_at(connection, before)}
        cut(connection, Cut(own="/auth", position=before, marks=marks, since=since(connection, before)))
        left = [connection.scalars(select(table.c.user_id).distinct()).all() for table in (two_factor, recovery_codes, login_challenges)]
        connection.rollback()
    assert left == [[me], [me], []]


def files_below(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
