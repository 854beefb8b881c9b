"""The limits on trying, with the library that counts them."""

import asyncio

import pytest
from limits.aio.storage import MemoryStorage

from auth.attempts import (
    CODES,
    CODES_A_DAY,
    CODES_HERE,
    FAILED,
    FAILED_HERE,
    LOGINS,
    OWN_CODES,
    OWN_CODES_A_DAY,
    REGISTRATIONS,
    Counted,
    attempt,
    codes,
    failures,
    opening,
    own_codes,
)
from auth.errors import EmailTaken, InvalidCode, InvalidCredentials, WrongCode
from chassis.limits import Limit, Limits
from events.errors import TooMany, Unavailable


@pytest.fixture
def limits() -> Limits:
    return Limits("memory://", enabled=True)


async def sign_in(limits: Limits, *, right: bool, who: str = "anna", address: str = "192.0.2.7", anyhow: Counted = ()) -> None:
    async with attempt(limits, anyhow=anyhow, failing=failures(address, who)):
        await asyncio.sleep(0)  # others come in meanwhile
        if not right:
            raise InvalidCredentials


async def outcomes(limits: Limits, number: int, *, right: bool = False, address: str = "192.0.2.7", who: str = "anna") -> list[str]:
    tries = [sign_in(limits, right=right, address=address, who=who, anyhow=[(LOGINS, (address,))]) for _ in range(number)]
    return [type(result).__name__ for result in await asyncio.gather(*tries, return_exceptions=True)]


async def test_five_wrong_passwords_from_one_address_are_looked_at_however_many_come_at_once(limits: Limits) -> None:
    assert sorted(await outcomes(limits, 9)) == ["InvalidCredentials"] * 5 + ["TooMany"] * 4


async def test_the_owner_still_signs_in_from_elsewhere_until_twenty_have_failed(limits: Limits) -> None:
    for n in range(4):
        await outcomes(limits, 6, address=f"192.0.2.{n}")
        if n < 3:
            assert await outcomes(limits, 1, right=True, address="198.51.100.1") == ["NoneType"]
    assert await outcomes(limits, 1, right=True, address="198.51.100.1") == ["TooMany"]
    assert await outcomes(limits, 1, right=True, address="198.51.100.1", who="ben") == ["NoneType"]


async def test_ten_logins_from_one_address_whoever_they_are(limits: Limits) -> None:
    for n in range(10):
        assert await outcomes(limits, 1, right=True, who=f"user{n}") == ["NoneType"]
    assert await outcomes(limits, 1, right=True, who="user11") == ["TooMany"]


async def test_who_is_right_is_not_counted_as_failed(limits: Limits) -> None:
    for _ in range(8):
        await sign_in(limits, right=True)
    assert sorted(await outcomes(limits, 6)) == ["InvalidCredentials"] * 5 + ["TooMany"]


async def test_an_attempt_that_one_limit_stops_is_counted_by_no_other(limits: Limits) -> None:
    await outcomes(limits, 5)
    assert await outcomes(limits, 4, right=True) == ["TooMany"] * 4
    # of ten logins per address five are spent; of twenty failures per e-mail five
    assert await outcomes(limits, 5, right=True, who="ben") == ["NoneType"] * 5
    left = 0
    while await limits._limiter.test(FAILED.item, "anna") and await limits._limiter.hit(FAILED.item, "anna"):
        left += 1
    assert left == 15


async def test_a_failure_of_ours_is_no_attempt(limits: Limits) -> None:
    for _ in range(30):
        with pytest.raises(Unavailable):
            async with attempt(limits, anyhow=[(LOGINS, ("192.0.2.7",))], failing=failures("192.0.2.7", "anna")):
                raise Unavailable("The store is full.")
    assert await outcomes(limits, 1, right=True) == ["NoneType"]


async def test_a_registration_counts_whatever_comes_of_it_but_not_when_the_desk_is_what_fails(limits: Limits) -> None:
    for _ in range(10):
        with pytest.raises(Unavailable):
            async with opening(limits, "192.0.2.7"):
                raise Unavailable("Too many people are signing in at this moment.")
    for _ in range(5):
        with pytest.raises(EmailTaken):
            async with opening(limits, "192.0.2.7"):
                raise EmailTaken
    with pytest.raises(TooMany):
        async with opening(limits, "192.0.2.7"):
            pass


async def test_what_was_not_counted_in_the_end_takes_no_memory(limits: Limits) -> None:
    for n in range(100):
        with pytest.raises(Unavailable):
            async with attempt(limits, anyhow=[(LOGINS, (f"192.0.2.{n}",))], failing=failures(f"192.0.2.{n}", f"user{n}")):
                raise Unavailable("Too many people are signing in at this moment.")
        await sign_in(limits, right=True, who=f"user{n}", address=f"192.0.2.{n}")
    storage = limits._storage
    assert isinstance(storage, MemoryStorage)
    assert (len(storage.storage), len(storage.expirations), len(storage.locks)) == (0, 0, 0)


async def test_who_is_stopped_learns_how_long_to_wait(limits: Limits) -> None:
    await outcomes(limits, 5)
    with pytest.raises(TooMany) as stopped:
        await sign_in(limits, right=True)
    assert 590 < stopped.value.retry_after <= 600


async def give_code(limits: Limits, counted: Counted, *, right: bool, wrong: type[InvalidCode | WrongCode] = WrongCode) -> str:
    try:
        async with attempt(limits, failing=counted):
            if not right:
                raise InvalidCode(4) if wrong is InvalidCode else WrongCode
    except (InvalidCode, WrongCode, TooMany) as refused:
        return type(refused).__name__
    return "right"


async def test_wrong_codes_of_a_person_are_counted_over_all_addresses_and_nobody_elses(limits: Limits) -> None:
    told = [await give_code(limits, codes(f"192.0.2.{n % 4}", "anna"), right=False, wrong=InvalidCode) for n in range(12)]
    assert told == ["InvalidCode"] * 10 + ["TooMany"] * 2
    assert await give_code(limits, codes("198.51.100.1", "anna"), right=True) == "TooMany"
    assert await give_code(limits, codes("192.0.2.1", "ben"), right=True) == "right"
    assert await give_code(limits, own_codes("anna"), right=True) == "right"


@pytest.mark.parametrize(("counted", "day"), [(codes("192.0.2.1", "anna"), CODES_A_DAY), (own_codes("anna"), OWN_CODES_A_DAY)])
async def test_fifty_wrong_codes_are_enough_for_a_day(limits: Limits, counted: Counted, day: Limit) -> None:
    for _ in range(day.amount - 1):
        await limits.spend(day, "anna")
    assert [await give_code(limits, counted, right=right) for right in (True, False, True)] == ["right", "WrongCode", "TooMany"]


def test_the_numbers_are_those_of_the_design() -> None:
    """The windows too: a shorter one would let more through in the time that was promised."""
    design = {
        FAILED_HERE: (5, 600),
        FAILED: (20, 600),
        LOGINS: (10, 600),
        REGISTRATIONS: (5, 3600),
        CODES_HERE: (5, 600),
        CODES: (10, 600),
        CODES_A_DAY: (50, 86400),
        OWN_CODES: (10, 600),
        OWN_CODES_A_DAY: (50, 86400),
    }
    assert {limit: (limit.amount, limit.seconds) for limit in design} == design
    assert len({limit.name for limit in design}) == len(design)
