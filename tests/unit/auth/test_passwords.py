import asyncio
import base64
import hashlib
import hmac
from collections.abc import Iterator
from threading import Event

import bcrypt
import pytest

from auth.passwords import Passwords
from events.errors import Unavailable

PEPPER = "5e" * 32
CHEAP = 4


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(PEPPER, cost=CHEAP, threads=1, most_waiting=1)
    yield made
    made.close()


async def test_a_hash_is_bcrypt_over_a_peppered_digest_so_that_another_program_could_check_it(passwords: Passwords) -> None:
    kept = await passwords.hash("four-words-say-more")
    condensed = base64.b64encode(hmac.new(bytes.fromhex(PEPPER), b"four-words-say-more", hashlib.sha384).digest())
    assert bcrypt.checkpw(condensed, kept.encode())
    assert kept.startswith("$2b$04$")
    assert len(kept) == 60


async def test_only_the_same_password_matches_and_every_character_counts(passwords: Passwords) -> None:
    kept = await passwords.hash("🦀" * 256)
    assert await passwords.matches("🦀" * 256, kept)
    assert not await passwords.matches("🦀" * 255 + "🐙", kept)
    assert not await passwords.matches(" " + "🦀" * 255, kept)


async def test_a_hash_is_of_no_use_without_the_pepper(passwords: Passwords) -> None:
    other = Passwords("00" * 32, cost=CHEAP)
    assert not await other.matches("four-words-say-more", await passwords.hash("four-words-say-more"))
    other.close()


async def test_who_has_no_password_is_checked_at_the_same_cost(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []
    check = bcrypt.checkpw

    def counted(password: bytes, against: bytes) -> bool:
        costs.append(against[:7])
        return check(password, against)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    kept = await passwords.hash("four-words-say-more")
    assert not await passwords.matches("four-words-say-more", None)
    assert await passwords.matches("four-words-say-more", kept)
    assert costs == [b"$2b$04$", b"$2b$04$"]


async def test_too_many_at_once_are_told_to_come_back_and_the_places_are_free_again(passwords: Passwords) -> None:
    started, go_on = Event(), Event()

    def wait() -> None:
        started.set()
        go_on.wait(10)

    running = asyncio.ensure_future(passwords._in_pool(wait))
    await asyncio.to_thread(started.wait, 10)
    waiting = asyncio.ensure_future(passwords.hash("four-words-say-more"))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await passwords.hash("one-too-many")
    go_on.set()
    await asyncio.gather(running, waiting)
    assert await passwords.hash("there-is-room-again")


async def test_who_went_away_before_their_turn_costs_nothing(passwords: Passwords) -> None:
    started, go_on = Event(), Event()

    def wait() -> None:
        started.set()
        go_on.wait(10)

    running = asyncio.ensure_future(passwords._in_pool(wait))
    await asyncio.to_thread(started.wait, 10)
    gone = asyncio.ensure_future(passwords.hash("four-words-say-more"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    next_one = asyncio.ensure_future(passwords.hash("takes-the-place"))
    go_on.set()
    await asyncio.gather(running, next_one)


async def test_who_waits_when_the_service_goes_down_is_told_to_come_back_and_who_had_their_turn_is_answered(passwords: Passwords) -> None:
    started, go_on = Event(), Event()

    def wait() -> str:
        started.set()
        go_on.wait(10)
        return "done"

    running = asyncio.ensure_future(passwords._in_pool(wait))
    await asyncio.to_thread(started.wait, 10)
    waiting = asyncio.ensure_future(passwords.hash("four-words-say-more"))
    await asyncio.sleep(0)
    passwords.close()
    with pytest.raises(Unavailable):
        await waiting
    with pytest.raises(Unavailable):
        await passwords.hash("came-too-late")
    go_on.set()
    assert await running == "done"
