import asyncio
import json

import pytest

from chassis.principal import Credential, Principal
from chassis.principals import FRESH, FRESH_WITHOUT_BEAT, Principals
from events.errors import Unavailable

ANNA = Principal(kind="user", id="anna", name="Anna", email="anna@example.com", role="user", session="s1")
COOKIE = Credential.of("session", "secret")


class Auth:
    """Auth, as a service sees it: it answers what it is set to, when it is let, and counts how often it was asked."""

    def __init__(self) -> None:
        self.answer: Principal | None = ANNA
        self.reachable = True
        self.asked = 0
        self.gate, self.was_asked = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def __call__(self, _credential: Credential, _address: str, _agent: str) -> Principal | None:
        self.asked += 1
        self.was_asked.set()
        answer = self.answer
        await self.gate.wait()
        if not self.reachable:
            raise Unavailable("Nobody answers.")
        return answer


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def principals(auth: Auth, clock: Clock) -> Principals:
    return Principals(auth, clock=clock)


def revoke(**named: str | bool) -> bytes:
    return json.dumps(named).encode()


async def test_while_auth_beats_an_answer_is_fresh_for_30_seconds(principals: Principals, auth: Auth, clock: Clock) -> None:
    for second in range(31):
        clock.at = 1000.0 + second
        principals.beat()
        assert await principals.find(COOKIE) == ANNA
        assert auth.asked == (1 if second < 30 else 2)


async def test_without_a_beat_an_answer_is_fresh_for_2_seconds(principals: Principals, auth: Auth, clock: Clock) -> None:
    principals.beat()
    await principals.find(COOKIE)
    clock.at += 1.9
    await principals.find(COOKIE)
    assert auth.asked == 1
    clock.at += 0.2  # the beat is 2.1 seconds old, and the answer too
    await principals.find(COOKIE)
    assert auth.asked == 2


async def test_nobody_is_remembered_for_2_seconds_even_while_auth_beats(principals: Principals, auth: Auth, clock: Clock) -> None:
    auth.answer = None
    principals.beat()
    assert await principals.find(COOKIE) is None
    assert await principals.find(COOKIE) is None
    assert auth.asked == 1
    clock.at += 2
    principals.beat()
    auth.answer = ANNA
    assert await principals.find(COOKIE) == ANNA


@pytest.mark.parametrize("named", [{"session": "s1"}, {"user": "anna"}, {"all": True}])
async def test_a_revocation_is_felt_at_once(principals: Principals, auth: Auth, named: dict[str, str | bool]) -> None:
    principals.beat()
    await principals.find(COOKIE)
    auth.answer = None
    principals.revoked(revoke(**named))
    assert await principals.find(COOKIE) is None


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{}", b'{"session":1}', b'{"session":"a","user":"b"}', b'{"world":"x"}'])
async def test_a_revocation_that_cannot_be_read_counts_for_all(principals: Principals, auth: Auth, payload: bytes) -> None:
    principals.beat()
    await principals.find(COOKIE)
    principals.revoked(payload)
    principals.beat()
    await principals.find(COOKIE)
    assert auth.asked == 2


async def test_the_revocation_of_another_changes_nothing(principals: Principals, auth: Auth) -> None:
    principals.beat()
    await principals.find(COOKIE)
    principals.revoked(revoke(session="s2"))
    principals.revoked(revoke(user="bert"))
    assert await principals.find(COOKIE) == ANNA
    assert auth.asked == 1


async def test_an_answer_asked_for_before_a_revocation_is_thrown_away(principals: Principals, auth: Auth, clock: Clock) -> None:
    auth.gate.clear()
    asking = asyncio.create_task(principals.find(COOKIE))
    await auth.was_asked.wait()
    clock.at += 0.1
    principals.revoked(revoke(session="s1"))
    auth.answer = None
    clock.at += 0.1
    auth.gate.set()
    assert await asking is None
    assert auth.asked == 2


async def test_many_at_once_ask_once(principals: Principals, auth: Auth) -> None:
    assert await asyncio.gather(*(principals.find(COOKIE) for _ in range(50))) == [ANNA] * 50
    assert auth.asked == 1


async def test_one_who_goes_away_does_not_take_the_others_with_him(principals: Principals, auth: Auth) -> None:
    auth.gate.clear()
    first, second = asyncio.create_task(principals.find(COOKIE)), asyncio.create_task(principals.find(COOKIE))
    await auth.was_asked.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    auth.gate.set()
    assert await second == ANNA


async def test_people_who_are_signed_in_go_on_for_5_minutes_without_auth(principals: Principals, auth: Auth, clock: Clock) -> None:
    await principals.find(COOKIE)
    auth.reachable = False
    clock.at += 299
    assert await principals.find(COOKIE) == ANNA
    clock.at += 2
    with pytest.raises(Unavailable):
        await principals.find(COOKIE)


async def test_without_auth_someone_unknown_is_told_to_come_back(principals: Principals, auth: Auth) -> None:
    auth.reachable = False
    with pytest.raises(Unavailable) as told:
        await principals.find(COOKIE)
    assert told.value.retry_after >= 1


async def test_one_who_was_nobody_is_not_let_in_without_auth(principals: Principals, auth: Auth, clock: Clock) -> None:
    auth.answer = None
    await principals.find(COOKIE)
    auth.reachable = False
    clock.at += 10
    with pytest.raises(Unavailable):
        await principals.find(COOKIE)


async def test_nobody_is_forgotten_for_credentials_that_were_made_up(
    principals: Principals, auth: Auth, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.principals._MOST_KEPT", 50)
    monkeypatch.setattr("chassis.principals._MOST_NOBODIES", 50)
    await principals.find(COOKIE)
    auth.answer = None
    for n in range(100):
        assert await principals.find(Credential.of("token", f"made up {n}")) is None
    assert (len(principals._kept), len(principals._nobodies)) == (1, 50)
    auth.reachable = False
    clock.at += 60
    assert await principals.find(COOKIE) == ANNA


async def test_one_who_was_revoked_does_not_go_on_without_auth(principals: Principals, auth: Auth) -> None:
    await principals.find(COOKIE)
    auth.reachable = False
    principals.revoked(revoke(user="anna"))
    with pytest.raises(Unavailable):
        await principals.find(COOKIE)


async def test_after_a_reconnection_everyone_is_asked_about_again(principals: Principals, auth: Auth, clock: Clock) -> None:
    principals.beat()
    await principals.find(COOKIE)
    principals.distrust()
    principals.beat()
    await principals.find(COOKIE)
    assert auth.asked == 2
    principals.distrust()
    auth.reachable = False
    clock.at += 60
    assert await principals.find(COOKIE) == ANNA  # auth went as well: what it said last holds on


async def test_a_silent_auth_is_not_asked_by_every_request(principals: Principals, auth: Auth, clock: Clock) -> None:
    auth.reachable = False
    for _ in range(10):
        with pytest.raises(Unavailable):
            await principals.find(COOKIE)
    assert auth.asked == 1
    clock.at += 0.6
    auth.reachable = True
    assert await principals.find(COOKIE) == ANNA


async def test_open_streams_hear_of_the_revocation_of_their_own(principals: Principals) -> None:
    await principals.find(COOKIE)
    mine = principals.watch(ANNA)
    principals.revoked(revoke(session="s2"))
    assert not mine.is_set()
    principals.revoked(revoke(session="s1"))
    assert mine.is_set()


async def test_a_stream_opened_after_the_revocation_ends_at_once(principals: Principals) -> None:
    await principals.find(COOKIE)
    principals.revoked(revoke(session="s1"))
    assert principals.watch(ANNA).is_set()


async def test_a_stream_whose_revocation_was_missed_ends_when_it_is_looked_at_again(principals: Principals, auth: Auth) -> None:
    await principals.find(COOKIE)
    mine = principals.watch(ANNA)
    looking = asyncio.create_task(principals.run())
    auth.answer = None
    principals.distrust()
    async with asyncio.timeout(5):
        await mine.wait()
    looking.cancel()


async def test_without_a_beat_a_stream_ends_as_soon_as_a_request_would(principals: Principals, auth: Auth, clock: Clock) -> None:
    await principals.find(COOKIE)
    mine = principals.watch(ANNA)
    looking = asyncio.create_task(principals.run())
    auth.answer = None
    clock.at += FRESH_WITHOUT_BEAT + 0.1
    async with asyncio.timeout(5):
        await mine.wait()
    looking.cancel()


async def test_while_auth_beats_open_streams_ask_nothing_until_the_answer_is_old(
    principals: Principals, auth: Auth, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.principals._LOOK", 0.01)
    principals.beat()
    await principals.find(COOKIE)
    mine = principals.watch(ANNA)
    looking = asyncio.create_task(principals.run())
    clock.at += FRESH - 1
    principals.beat()
    looks, still = asyncio.Semaphore(0), principals._still

    async def counted(principal: Principal, credential: Credential) -> bool:
        looks.release()
        return await still(principal, credential)

    monkeypatch.setattr(principals, "_still", counted)
    for _ in range(4):  # it looks, and finds the answer young enough
        await asyncio.wait_for(looks.acquire(), 5)
    assert auth.asked == 1
    clock.at += 2
    principals.beat()
    auth.was_asked.clear()
    await asyncio.wait_for(auth.was_asked.wait(), 5)
    assert auth.asked == 2
    assert not mine.is_set()
    looking.cancel()


async def test_a_stream_lives_on_when_nothing_changed(principals: Principals, auth: Auth) -> None:
    await principals.find(COOKIE)
    mine = principals.watch(ANNA)
    looking = asyncio.create_task(principals.run())
    auth.was_asked.clear()
    principals.distrust()
    await auth.was_asked.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not mine.is_set()
    looking.cancel()


async def test_auth_itself_remembers_nothing(auth: Auth, clock: Clock) -> None:
    principals = Principals(auth, clock=clock, keep=False)
    principals.beat()
    await principals.find(COOKIE)
    await principals.find(COOKIE)
    assert auth.asked == 2


def test_a_principal_survives_the_wire() -> None:
    token = Principal(kind="token", id="bert", name="Bert", email="b@example.com", role="admin", scopes=frozenset({"read"}), token="t1")
    assert Principal.from_json(json.loads(json.dumps(token.to_json()))) == token
