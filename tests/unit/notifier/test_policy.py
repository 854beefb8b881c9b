"""Tries again later and later, gives up in the end, and never repeats what may have been done."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.policy import CLAIM, DELIVERY, MAX_ATTEMPTS, Failure, Outcome, after_failure, after_lost_claim, retry_delay

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
JITTER = st.floats(0, 1, exclude_max=True)


def after(failure: Failure, attempts: int, jitter: float = 0.5) -> Outcome:
    return after_failure(failure, attempts=attempts, max_attempts=MAX_ATTEMPTS, now=NOON, jitter=jitter)


def test_the_longest_wait_doubles_until_it_reaches_the_cap() -> None:
    longest = [retry_delay(attempt, 1.0).total_seconds() for attempt in range(1, 12)]
    assert longest == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]


@given(st.integers(1, 10_000), JITTER)
def test_the_wait_is_anything_from_nothing_to_the_longest(attempt: int, jitter: float) -> None:
    longest = retry_delay(attempt, 1.0)
    assert timedelta() <= retry_delay(attempt, jitter) <= longest <= timedelta(hours=1)
    assert retry_delay(attempt, 0.0) == timedelta()
    assert abs(retry_delay(attempt, jitter) - longest * jitter) <= timedelta(microseconds=1)


@pytest.mark.parametrize("attempt", [0, -1])
def test_there_is_no_attempt_before_the_first(attempt: int) -> None:
    with pytest.raises(ValueError, match="number 1"):
        retry_delay(attempt, 0.5)


@given(st.integers(1, MAX_ATTEMPTS - 1), JITTER)
def test_what_did_not_happen_is_tried_again(attempts: int, jitter: float) -> None:
    assert after(Failure.NOT_DELIVERED, attempts, jitter) == Outcome("queued", NOON + retry_delay(attempts, jitter))


def test_after_the_last_try_it_is_dead() -> None:
    assert after(Failure.NOT_DELIVERED, MAX_ATTEMPTS) == Outcome("dead")


def test_what_is_refused_for_good_is_not_tried_again() -> None:
    assert after(Failure.REFUSED, 1) == Outcome("dead")


@given(st.integers(1, MAX_ATTEMPTS))
def test_what_may_have_happened_is_unknown_at_any_try(attempts: int) -> None:
    assert after(Failure.UNCERTAIN, attempts) == Outcome("unknown")


@given(st.integers(1, MAX_ATTEMPTS))
def test_a_worker_that_is_gone_leaves_what_it_was_sending_unknown(attempts: int) -> None:
    assert after_lost_claim(sending=True, attempts=attempts, max_attempts=MAX_ATTEMPTS, now=NOON) == Outcome("unknown")


def test_a_worker_that_is_gone_before_it_sent_leaves_its_job_to_another_until_the_last_try() -> None:
    assert after_lost_claim(sending=False, attempts=1, max_attempts=2, now=NOON) == Outcome("queued", NOON)
    assert after_lost_claim(sending=False, attempts=2, max_attempts=2, now=NOON) == Outcome("dead")


def test_a_delivery_ends_well_before_its_claim_does() -> None:
    assert 2 * timedelta(seconds=DELIVERY) <= CLAIM
