"""The second step of a sign-in at a running auth, and everything that must not pass for it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from auth.rules import CHALLENGE, MOST_CHALLENGES, MOST_TRIES
from auth.sweeping import SweepUnit
from auth.tables import login_challenges
from events.environment import real_environment
from tests.integration.auth.apps import STEP, TimedDesk, challenged, give, timed
from tests.integration.auth.visitors import PASSWORD, problem, sign_in
from tests.support.house import House, declared, free_port
from tests.support.totp import code_at

NEW = "five-words-say-even-more"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[TimedDesk]:
    async with timed(tmp_path) as made:
        yield made


# -- signing in -----------------------------------------------------------------------------------------------------------------------


async def test_signing_in_takes_two_steps_and_the_session_begins_with_the_second(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone, desk.person("ben") as ben:
        await anna.turn_on()
        before = len(desk.sessions())
        challenge = await challenged(phone, "anna")
        assert len(desk.sessions()) == before
        assert problem(await phone.get("/api/auth/me")) == (401, "not-signed-in")
        answer = await give(phone, challenge, f" {anna.code()} ")
        assert (answer.status_code, answer.json()["name"]) == (200, "anna")
        assert answer.headers["set-cookie"].startswith("sid=")
        assert (await phone.get("/api/auth/me")).json()["name"] == "anna"
        assert problem(await give(phone, challenge, anna.code())) == (401, "challenge-over")
        assert (await sign_in(ben.client, "ben")).status_code == 200
        assert desk.count(login_challenges) == 0
    assert desk.types(f"user/{answer.json()['id']}")[-1] == "user.logged_in"


async def test_the_challenge_comes_with_the_right_password_alone(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as eve:
        await anna.turn_on()
        wrong, stranger = await sign_in(eve, "anna", "not-her-password"), await sign_in(eve, "nobody")
        assert problem(wrong) == problem(stranger) == (401, "invalid-credentials")
        assert wrong.text == stranger.text
        for made_up in ("x", "0pD3x2kZb1cYh7vVJk3cD1m8rj0nTq6wYx5oBfGiUsE", anna.client.cookies["sid"]):
            assert problem(await give(eve, made_up, anna.code())) == (401, "challenge-over")


async def test_a_code_signs_in_once_even_within_its_half_minute(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone, desk.browser() as eve:
        assert (await anna.begin()).status_code == 201
        code = anna.code()
        assert (await anna.client.post("/api/auth/two-factor/confirm", json={"code": code})).status_code == 200
        assert problem(await give(phone, await challenged(phone, "anna"), code)) == (401, "invalid-code")
        code = anna.code()
        assert (await give(phone, await challenged(phone, "anna"), code)).status_code == 200
        seen = await give(eve, await challenged(eve, "anna"), code)
        assert problem(seen) == (401, "invalid-code")
        assert seen.json()["tries_left"] == MOST_TRIES - 1


async def test_a_telephone_whose_clock_is_half_a_minute_wrong_is_good_enough_and_one_of_a_minute_is_not(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        await anna.turn_on()
        desk.clock.now += 10 * STEP
        for off, told in ((-2, 401), (2, 401), (-1, 200), (0, 200), (1, 200)):
            code = code_at(anna.secret, desk.clock.now + off * STEP)
            assert (await give(phone, await challenged(phone, "anna"), code)).status_code == told, off


async def test_five_wrong_codes_end_a_sign_in_and_are_told_of(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as eve:
        await anna.turn_on()
        challenge, wrong = await challenged(eve, "anna"), anna.wrong()
        answers = [await give(eve, challenge, wrong) for _ in range(MOST_TRIES)]
        assert {problem(answer) for answer in answers} == {(401, "invalid-code")}
        assert [answer.json()["tries_left"] for answer in answers] == [4, 3, 2, 1, 0]
        assert problem(await give(eve, challenge, anna.code())) == (401, "challenge-over")
        me = (await anna.client.get("/api/auth/me")).json()["id"]
    failed = [stored for stored in desk.log() if stored.type == "user.login_failed"]
    assert len(failed) == MOST_TRIES
    assert {(stored.subject, stored.actorkind, stored.actorid) for stored in failed} == {(f"user/{me}", "system", "auth")}
    assert {event.reason for event in desk.events("user.login_failed")} == {"wrong-code"}


async def test_a_challenge_waits_for_five_minutes_and_then_is_thrown_away(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        await anna.turn_on()
        first, second = await challenged(phone, "anna"), await challenged(phone, "anna")
        desk.clock.now += CHALLENGE - 2 * STEP
        assert (await give(phone, first, anna.code())).status_code == 200
        desk.clock.now += STEP
        assert problem(await give(phone, second, anna.code())) == (401, "challenge-over")
        assert desk.count(login_challenges) == 1
        await desk.running.writer.execute(SweepUnit(environment=desk.running.environment))
        assert desk.count(login_challenges) == 0


async def test_challenges_do_not_pile_up(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        await anna.turn_on()
        first = await challenged(phone, "anna")
        for _ in range(MOST_CHALLENGES):
            desk.clock.now += timedelta(seconds=1)
            last = await challenged(phone, "anna")
        assert desk.count(login_challenges) == MOST_CHALLENGES
        assert problem(await give(phone, first, anna.code())) == (401, "challenge-over")
        assert (await give(phone, last, anna.code())).status_code == 200


async def test_a_recovery_code_signs_in_once_in_the_place_of_the_app(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        await anna.turn_on()
        typed = anna.codes[0].upper().replace("-", " ")
        assert (await give(phone, await challenged(phone, "anna"), typed)).status_code == 200
        me = (await anna.client.get("/api/auth/me")).json()["id"]
        signed_in = desk.types(f"user/{me}")[-2:]
        assert problem(await give(phone, await challenged(phone, "anna"), anna.codes[0])) == (401, "invalid-code")
        assert (await anna.standing())["recovery_codes_left"] == 9
    assert [event.left for event in desk.events("user.recovery_code_used")] == [9]
    assert signed_in == ["user.recovery_code_used", "user.logged_in"]


async def test_the_second_step_replaces_the_session_whose_cookie_came_along_and_the_first_does_not(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.person("ben") as ben:
        await anna.turn_on()
        bens = ben.client.cookies["sid"]
        challenge = await challenged(ben.client, "anna")
        assert (await ben.client.get("/api/auth/me")).json()["name"] == "ben"
        assert (await give(ben.client, challenge, anna.code())).status_code == 200
        assert (await ben.client.get("/api/auth/me")).json()["name"] == "anna"
        async with desk.browser(cookie=f"sid={bens}") as eve:
            assert problem(await eve.get("/api/auth/me")) == (401, "not-signed-in")


async def test_another_password_or_a_closed_account_ends_the_sign_ins_that_wait(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.person("ada", admin=True) as ada, desk.browser() as phone:
        await anna.turn_on()
        challenge = await challenged(phone, "anna")
        change = {"current_password": PASSWORD, "new_password": NEW}
        assert (await anna.client.post("/api/auth/password", json=change)).status_code == 204
        assert problem(await give(phone, challenge, anna.code())) == (401, "challenge-over")
        challenge = await challenged(phone, "anna", NEW)
        me = (await anna.client.get("/api/auth/me")).json()["id"]
        assert (await ada.client.patch(f"/api/auth/users/{me}", json={"active": False})).status_code == 200
        assert problem(await give(phone, challenge, anna.code())) == (401, "challenge-over")
        assert problem(await sign_in(phone, "anna", NEW)) == (401, "invalid-credentials")


async def test_another_site_signs_nobody_in(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        await anna.turn_on()
        body = {"challenge": await challenged(phone, "anna"), "code": anna.code()}
        for site in ("cross-site", "same-site"):
            answer = await phone.post("/api/auth/login/second-factor", json=body, headers={"sec-fetch-site": site})
            assert problem(answer) == (403, "cross-site")
        assert (await phone.post("/api/auth/login/second-factor", json=body)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"challenge": "x"}, {"challenge": "x", "code": ""}, {"challenge": "x", "code": " "}, {"challenge": "x", "code": "1" * 65},
     {"challenge": "x", "code": 123456}, {"challenge": "", "code": "123456"}, {"challenge": "x", "code": "123456", "more": 1},
     {"challenge": "x" * 101, "code": "123456"}, {"challenge": "x", "code": "12\u0000456"}],
)  # fmt: skip
async def test_what_cannot_be_meant_is_refused(desk: TimedDesk, body: dict[str, Any]) -> None:
    async with desk.browser() as eve:
        assert problem(await eve.post("/api/auth/login/second-factor", json=body)) == (422, "invalid")


# -- at once, and over a restart ------------------------------------------------------------------------------------------------------


async def test_of_many_who_give_the_same_code_at_once_one_is_signed_in(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        await anna.turn_on()
        for code in (anna.code(), anna.codes[0]):
            challenges = [await challenged(phone, "anna") for _ in range(6)]
            answers = await asyncio.gather(*(give(phone, challenge, code) for challenge in challenges))
            assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5
            phone.cookies.clear()
        challenge = await challenged(phone, "anna")
        answers = await asyncio.gather(*(give(phone, challenge, code) for code in anna.codes[1:5]))
        assert sorted(answer.status_code for answer in answers) == [200] + [401] * 3
        assert (await anna.standing())["recovery_codes_left"] == 8


async def test_at_two_processes_at_once_too_a_code_signs_in_once(desk: TimedDesk) -> None:
    """Each has its own writer and its own connections; they meet in the store."""
    first = desk.house
    second = House(first.directory, first.broker, first.settings.model_copy(update={"auth_port": free_port()}))
    try:
        await second.start(declared("auth"), replace(real_environment(), now=desk.clock))
        async with desk.person("anna") as anna, desk.browser() as here, second.client("auth") as there:
            await anna.turn_on()
            for code in (anna.code(), anna.codes[0], anna.code(), anna.codes[1]):
                tries = [(client, await challenged(client, "anna")) for client in (here, there) * 3]
                answers = await asyncio.gather(*(give(client, challenge, code) for client, challenge in tries))
                assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5
            challenge = await challenged(here, "anna")
            answers = await asyncio.gather(*(give(client, challenge, code) for client in (here, there) for code in anna.codes[2:5]))
            assert sorted(answer.status_code for answer in answers) == [200] + [401] * 5
            assert (await anna.standing())["recovery_codes_left"] == 7
    finally:
        await second.stop_all()


async def test_every_step_goes_on_after_a_restart(desk: TimedDesk) -> None:
    async with desk.person("anna") as anna, desk.browser() as phone:
        assert (await anna.begin()).status_code == 201
        await desk.house.restart("auth")
        used = anna.code()
        confirmed = await anna.client.post("/api/auth/two-factor/confirm", json={"code": used})
        assert confirmed.status_code == 200
        challenge = await challenged(phone, "anna")
        await desk.house.restart("auth")
        assert problem(await give(phone, challenge, used)) == (401, "invalid-code")
        code = anna.code()
        assert (await give(phone, challenge, code)).status_code == 200
        await desk.house.restart("auth")
        assert problem(await give(phone, await challenged(phone, "anna"), code)) == (401, "invalid-code")
        assert (await give(phone, await challenged(phone, "anna"), confirmed.json()["recovery_codes"][0])).status_code == 200


# -- limits ---------------------------------------------------------------------------------------------------------------------------


async def test_whoever_knows_the_password_does_not_get_to_guess_and_its_owner_still_gets_in(tmp_path: Path) -> None:
    async with timed(tmp_path, rate_limits="on") as desk, desk.person("anna") as anna, desk.person("ben") as ben, desk.browser() as eve:
        await anna.turn_on()
        await ben.turn_on()
        challenge, wrong = await challenged(eve, "anna"), anna.wrong()
        assert [problem(await give(eve, challenge, wrong)) for _ in range(5)] == [(401, "invalid-code")] * 5
        challenge = await challenged(eve, "anna")
        stopped = await give(eve, challenge, anna.code())
        assert problem(stopped) == (429, "too-many-requests")
        assert 480 < int(stopped.headers["retry-after"]) <= 600  # ten minutes, less what this test has taken
        assert (await give(eve, challenge, anna.codes[0])).status_code == 200, "a recovery code is not held up"
        assert (await give(eve, await challenged(eve, "ben"), ben.code())).status_code == 200, "nor is anybody else"


async def test_a_stolen_session_does_not_get_to_guess_a_code(tmp_path: Path) -> None:
    async with timed(tmp_path, rate_limits="on") as desk, desk.person("anna") as anna, desk.browser() as phone:
        await anna.turn_on()
        told = [problem(await anna.own("disable", anna.wrong())) for _ in range(10)]
        assert told == [(422, "wrong-code")] * 10
        assert problem(await anna.own("disable", anna.code())) == (429, "too-many-requests")
        assert problem(await anna.own("recovery-codes", anna.codes[0])) == (429, "too-many-requests")
        assert (await give(phone, await challenged(phone, "anna"), anna.code())).status_code == 200, "signing in is counted apart"
