"""What was committed last, in memory: an unbroken stretch of the log or nothing."""

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from events.envelope import StoredEvent
from events.recent import Recent


class _Event:
    """All of an event that matters here."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence


def stretch(first: int, last: int) -> list[StoredEvent]:
    return [cast("StoredEvent", _Event(number)) for number in range(first, last + 1)]


def after(recent: Recent, sequence: int, limit: int = 100) -> list[int]:
    return [event.sequence for event in recent.after(sequence, limit)]


def test_what_follows_is_given_in_order_up_to_the_limit() -> None:
    recent = Recent()
    assert after(recent, 0) == []
    recent.add(stretch(5, 6))
    recent.add(stretch(7, 9))
    assert after(recent, 4) == [5, 6, 7, 8, 9]
    assert after(recent, 6, 2) == [7, 8]
    assert after(recent, 9) == []


def test_what_came_before_is_not_here_and_is_not_made_up() -> None:
    recent = Recent(kept=3)
    recent.add(stretch(1, 5))
    assert after(recent, 1) == []
    assert after(recent, 2) == [3, 4, 5]


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=12), st.integers(0, 60))
def test_nothing_is_passed_over_where_another_process_wrote_in_between(batches: list[tuple[int, bool]], place: int) -> None:
    recent, last = Recent(kept=20), 0
    for size, ours in batches:
        if ours:
            recent.add(stretch(last + 1, last + size))
        last += size
    given_back = after(recent, place)
    assert given_back == list(range(place + 1, place + 1 + len(given_back)))
