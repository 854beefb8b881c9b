"""Whoever is held back is told for how long."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.waits import again_in

UNITS = {"second": 1, "minute": 60, "hour": 3600}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "Try again in 1 second."),
        (45, "Try again in 45 seconds."),
        (90, "Try again in 90 seconds."),
        (91, "Try again in 2 minutes."),
        (600, "Try again in 10 minutes."),
        (3235, "Try again in 54 minutes."),
        (86_400, "Try again in 24 hours."),
    ],
)
def test_a_wait_is_said_in_the_unit_that_people_would_say_it_in(seconds: int, said: str) -> None:
    assert again_in(seconds) == said


@given(st.integers(1, 10**6))
def test_whoever_waits_as_long_as_was_said_is_not_too_early(seconds: int) -> None:
    found = re.fullmatch(r"Try again in (\d+) (second|minute|hour)s?\.", again_in(seconds))
    assert found is not None
    assert seconds <= int(found[1]) * UNITS[found[2]]
