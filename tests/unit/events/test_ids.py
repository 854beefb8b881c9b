"""Ids by RFC 9562: section 5.7 for the fields, 6.2 for their order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from events.ids import uuid7_generator

NOON = datetime(2026, 11, 23, 12, 0, 0, 123_999, tzinfo=UTC)


def generator(*moments: datetime, random: Callable[[int], bytes] = bytes) -> Callable[[], str]:
    clock = iter(moments)
    return uuid7_generator(lambda: next(clock), random)


def test_an_id_has_the_fields_of_version_seven() -> None:
    id_ = UUID(generator(NOON, random=lambda n: b"\xff" * n)())
    assert (id_.version, id_.variant) == (7, RFC_4122)
    assert id_.int >> 80 == int(NOON.timestamp()) * 1000 + 123  # Unix time in whole milliseconds


def test_the_example_of_the_rfc_has_the_time_that_ours_would_give_it() -> None:
    # RFC 9562, appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F is of 22 February 2022, 14:22:22.00 in UTC-5
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    assert generator(moment)()[:13] == "017f22e2-79b0"


@given(st.lists(st.integers(-5_000, 5_000), min_size=2, max_size=50), st.binary(min_size=10, max_size=10))
def test_ids_rise_even_when_the_clock_stands_still_or_steps_back(steps: list[int], random: bytes) -> None:
    moments = [NOON + timedelta(milliseconds=step) for step in steps]
    new_id = generator(*moments, random=lambda n: random[:n])
    ids = [new_id() for _ in moments]
    assert all(earlier < later for earlier, later in pairwise(ids))


def test_counting_up_within_a_millisecond_leaves_version_and_time_alone() -> None:
    new_id = generator(*[NOON] * 5_000, random=lambda n: b"\xff" * n)
    ids = [UUID(new_id()) for _ in range(5_000)]
    assert {id_.version for id_ in ids} == {7}
    assert len({id_.int >> 80 for id_ in ids}) == 1
    assert all(earlier < later for earlier, later in pairwise(ids))


def test_threads_get_different_ids() -> None:
    new_id = uuid7_generator(lambda: NOON, bytes)
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: new_id(), range(4_000)))
    assert len(set(ids)) == 4_000
