"""How long consumers and the relay let more come."""

import pytest

from events.environment import breath


@pytest.mark.parametrize(
    ("count", "seconds"),
    [(0, 0.0), (1, 0.0), (2, 0.005), (5, 0.005), (20, 0.02), (30, 0.03), (99, 0.03), (100, 0.0)],
    ids=["none", "one is not kept waiting", "two", "a few", "some", "many", "nearly all that fit", "more is waiting already"],
)
def test_the_more_came_the_longer_more_are_waited_for(count: int, seconds: float) -> None:
    assert breath(count, 100) == pytest.approx(seconds)
