"""What an arriving event is to a consumer: handled before, the next one, beyond a hole, or of another history."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from events.envelope import ZERO_HASH, StoredEvent, digest
from events.positions import START, Position, Verdict, classify, follow
from tests.support.histories import history, recorded


def at(events: Sequence[StoredEvent]) -> Position:
    """Return the position of a consumer that has handled `events`."""
    position = START
    for event in events:
        position = position.after(event)
    return position


FIRST = history(5)
RESTORED = history(3, after=FIRST[:3], origin="second")


def test_the_first_event_of_a_source_is_the_next_for_a_new_consumer() -> None:
    assert classify(START, FIRST[0]) is Verdict.NEXT


def test_an_event_that_follows_by_its_hash_is_the_next() -> None:
    assert classify(at(FIRST[:2]), FIRST[2]) is Verdict.NEXT


def test_an_event_beyond_the_next_leaves_a_hole() -> None:
    assert classify(START, FIRST[1]) is Verdict.HOLE
    assert classify(at(FIRST[:2]), FIRST[3]) is Verdict.HOLE


def test_an_event_that_came_before_is_done() -> None:
    assert {classify(at(FIRST), event) for event in FIRST} == {Verdict.DONE}


def test_events_from_before_and_after_a_restore_are_done_alike() -> None:
    assert {classify(at(RESTORED), event) for event in RESTORED} == {Verdict.DONE}


def test_the_first_event_after_a_restore_follows_for_whoever_saw_nothing_beyond_the_cut() -> None:
    assert classify(at(FIRST[:3]), RESTORED[3]) is Verdict.NEXT


def test_whoever_saw_beyond_the_cut_finds_that_history_forked() -> None:
    assert classify(at(FIRST[:4]), RESTORED[3]) is Verdict.FORKED
    assert classify(at(FIRST[:4]), RESTORED[4]) is Verdict.FORKED
    assert classify(at(FIRST), RESTORED[3]) is Verdict.FORKED


def test_what_a_restore_cut_off_is_no_part_of_the_history_any_more() -> None:
    assert classify(at(RESTORED), FIRST[3]) is Verdict.FORKED
    assert classify(at(RESTORED[:4]), FIRST[4]) is Verdict.FORKED


def test_another_event_of_the_same_origin_in_the_place_of_the_last_one_is_a_fork() -> None:
    twin = FIRST[4]._replace(hash=digest(b"another"))
    assert classify(at(FIRST), twin) is Verdict.FORKED


def test_a_first_event_that_follows_something_is_of_another_history() -> None:
    assert classify(START, recorded(1, digest(b"something"))) is Verdict.FORKED


def test_a_position_knows_who_held_each_sequence() -> None:
    assert [at(RESTORED).held(sequence) for sequence in range(7)] == [None, "first", "first", "first", "second", "second", "second"]


def test_a_walk_gives_what_is_fresh_and_stops_at_a_hole() -> None:
    fresh, verdict, passed = follow(at(FIRST[:1]), [FIRST[0], FIRST[1], FIRST[1], FIRST[3], FIRST[2]])
    assert (fresh, verdict, passed) == ([FIRST[1]], Verdict.HOLE, 3)


def test_a_walk_to_the_end_has_no_verdict() -> None:
    assert follow(START, FIRST) == (FIRST, None, 5)
    assert follow(at(FIRST), FIRST) == ([], None, 5)
    assert follow(START, []) == ([], None, 0)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[StoredEvent], list[StoredEvent]]:
    """Return a history with restores in it, and everything that was ever published of it, the parts that were cut off included."""
    events: list[StoredEvent] = []
    published: list[StoredEvent] = []
    for number in range(draw(st.integers(1, 4))):
        cut = draw(st.integers(0, len(events)))
        events = history(draw(st.integers(1, 6)), after=events[:cut], origin=f"origin-{number}")
        published += [event for event in events if event not in published]
    return events, published


@given(histories(), st.data())
def test_no_order_of_arrival_skips_or_repeats_an_event(past: tuple[list[StoredEvent], list[StoredEvent]], data: st.DataObject) -> None:
    """The broker brings anything that ever was published, again and again; now and then the owner's feed is read."""
    events, published = past
    handled: list[StoredEvent] = []
    arriving = st.one_of(st.lists(st.sampled_from(published), max_size=8), st.just(events))
    for fetched in data.draw(st.lists(arriving, max_size=12)):
        handled += follow(at(handled), fetched)[0]
    assert [event.sequence for event in handled] == list(range(1, len(handled) + 1))
    assert [event.prevhash for event in handled] == [ZERO_HASH, *(event.hash for event in handled)][: len(handled)]
    fresh, verdict, _ = follow(at(handled), events)
    if handled == events[: len(handled)]:
        assert (handled + fresh, verdict) == (events, None)
    else:  # it had handled what a restore cut off, and says so
        assert verdict is Verdict.FORKED


@given(st.lists(st.integers(0, 19)), st.lists(st.integers(1, 5), min_size=1))
def test_whatever_the_batches_each_event_is_fresh_exactly_once(order: list[int], sizes: list[int]) -> None:
    events = history(20)
    position, handled, start = START, list[StoredEvent](), 0
    arriving = [events[index] for index in order] + events
    for size in sizes * len(arriving):
        fresh, _, passed = follow(position, arriving[start : start + size])
        handled += fresh
        position = at(handled)
        start += passed or 1  # one that leaves a hole is fetched later, with all the others
    assert handled == events[: len(handled)]
    assert follow(position, events)[0] == events[len(handled) :]
