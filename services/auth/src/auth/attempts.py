"""How often one may try from outside. An attempt is counted as failed before the password is looked at, and the count is given back when it
was right: so no number of attempts at once slips through. One that a limit stops is counted by none.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from auth.errors import InvalidCode, InvalidCredentials, WrongCode, WrongPassword
from chassis.limits import Limit, Limits
from events.errors import DomainError, Unavailable

TEN_MINUTES, AN_HOUR, A_DAY = 600, 3600, 86400

LOGINS = Limit("logins", 10, TEN_MINUTES)
FAILED_HERE = Limit("failed-logins-here", 5, TEN_MINUTES)
FAILED = Limit("failed-logins", 20, TEN_MINUTES)
REGISTRATIONS = Limit("registrations", 5, AN_HOUR)
WRONG_PASSWORDS = Limit("wrong-passwords", 10, TEN_MINUTES)
"""At changing the own password, per person: a stolen session does not get to guess."""

CODES_HERE = Limit("codes-here", 5, TEN_MINUTES)
CODES = Limit("codes", 10, TEN_MINUTES)
CODES_A_DAY = Limit("codes-a-day", 50, A_DAY)
"""Wrong codes at signing in. Three of a million are right at a time: who knows the password gets in with a chance of 1 in 6,667 a day."""
OWN_CODES = Limit("own-codes", 10, TEN_MINUTES)
OWN_CODES_A_DAY = Limit("own-codes-a-day", 50, A_DAY)
"""At changing how one signs in, per person; apart from the others, so that neither stops the other."""

Counted = Sequence[tuple[Limit, tuple[str, ...]]]


async def count(limits: Limits, counted: Counted) -> None:
    """Count one attempt in each bucket, or, when one of them is full, in none. Raises TooMany or Unavailable."""
    for done, (limit, bucket) in enumerate(counted):
        try:
            await limits.spend(limit, *bucket)
        except DomainError:
            await give_back(limits, counted[:done])
            raise


async def give_back(limits: Limits, counted: Counted) -> None:
    for limit, bucket in counted:
        await limits.give_back(limit, *bucket)


@asynccontextmanager
async def attempt(limits: Limits, *, failing: Counted, anyhow: Counted = ()) -> AsyncIterator[None]:
    """Surround one attempt: it counts in `anyhow` whatever comes of it, and in `failing` when the password or code is wrong.

    Raises TooMany before it begins. When something else of ours fails, the visitor has made no attempt.
    """
    await count(limits, [*anyhow, *failing])
    try:
        yield
    except (InvalidCredentials, WrongPassword, InvalidCode, WrongCode):
        raise
    except DomainError:
        await give_back(limits, [*anyhow, *failing])
        raise
    await give_back(limits, failing)


@asynccontextmanager
async def opening(limits: Limits, address: str) -> AsyncIterator[None]:
    """Surround one registration: it counts whatever comes of it, but not when the desk is what fails. Raises TooMany before it begins."""
    counted: Counted = [(REGISTRATIONS, (address,))]
    await count(limits, counted)
    try:
        yield
    except Unavailable:
        await give_back(limits, counted)
        raise


def failures(address: str, who: str) -> Counted:
    """Return the buckets of failed logins; `who` stands for the e-mail, which is kept in no limiter."""
    return [(FAILED_HERE, (who, address)), (FAILED, (who,))]


def codes(address: str, person: str) -> Counted:
    """Return the buckets of wrong codes at the second step of a sign-in. Recovery codes, of 120 bits, are in none: their owner gets in."""
    return [(CODES_HERE, (person, address)), (CODES, (person,)), (CODES_A_DAY, (person,))]


def own_codes(person: str) -> Counted:
    """Return the buckets of wrong codes that somebody gives who is signed in."""
    return [(OWN_CODES, (person,)), (OWN_CODES_A_DAY, (person,))]
