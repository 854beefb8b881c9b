"""How often and when a job is tried again, and what becomes of it at last. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

Status = Literal["queued", "processing", "succeeded", "dead", "unknown"]

MAX_ATTEMPTS = 8
CLAIM = timedelta(seconds=60)
"""How long a worker has a job for itself; after that it is taken for crashed."""
DELIVERY = 30.0
"""Seconds that one delivery may take: well within the claim, so that its outcome is still the worker's own."""
NO_ADMIN = timedelta(minutes=1)
"""How long something that is meant for the admins waits before it is looked at again; the first admin is not waited for that long."""


class Failure(Enum):
    """What is known after a delivery that did not succeed."""

    NOT_DELIVERED = "nothing has happened, and it may succeed later"
    REFUSED = "nothing has happened, and it never will"
    UNCERTAIN = "it may have arrived"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job is after a try; `run_at` is when a queued one is due again."""

    status: Status
    run_at: datetime | None = None


def retry_delay(attempt: int, jitter: float, *, base: timedelta = timedelta(seconds=10), cap: timedelta = timedelta(hours=1)) -> timedelta:
    """Return the wait before try `attempt + 1`: `base` doubled per attempt, at most `cap`, with full jitter (`jitter` from 0 up to 1).

    Source: AWS Architecture Blog, "Exponential Backoff and Jitter". Raises ValueError if `attempt` is below 1.
    """
    if attempt < 1:
        raise ValueError("The first attempt is number 1.")
    doublings = min(attempt - 1, 32)  # far beyond any cap, and still a number that a timedelta can hold
    return min(cap, base * (1 << doublings)) * jitter


def after_failure(failure: Failure, *, attempts: int, max_attempts: int, now: datetime, jitter: float) -> Outcome:
    """Return what becomes of a job whose try number `attempts` has failed."""
    if failure is Failure.UNCERTAIN:
        return Outcome("unknown")
    if failure is Failure.REFUSED or attempts >= max_attempts:
        return Outcome("dead")
    return Outcome("queued", now + retry_delay(attempts, jitter))


def after_lost_claim(*, sending: bool, attempts: int, max_attempts: int, now: datetime) -> Outcome:
    """Return what becomes of a job whose worker has not come back.

    One that was already being sent may have arrived, and is never repeated by itself. A job that takes its worker down each time ends dead.
    """
    if sending:
        return Outcome("unknown")
    return Outcome("dead") if attempts >= max_attempts else Outcome("queued", now)
