"""The journal in parts, as the feed reads it: whatever is wanted and however small the parts are, all of it comes once and in order."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert

from events.envelope import StoredEvent, canonical, chain, digest, head_of
from events.tables import LOG, head
from tickets import feed
from tickets.feed import Bounds, Wanted
from tickets.journal import Carried
from tickets.tables import PRIMARY, journal

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")

ORIGIN = "0193b3f1-9fa0-761a-802f-aec59d0d5465"
TYPES = ("ticket.created", "ticket.status_changed", "user.registered", "user.login_failed", "userx.y", "job.retried")
SUBJECTS = ("ticket/1", "ticket/11", "user/1", "login/1", "user_x/1", "job/1")
TIMES = tuple(f"2026-11-23T09:00:0{second}.000000Z" for second in range(5))

MADE = st.lists(st.tuples(st.sampled_from(TYPES), st.sampled_from(SUBJECTS), st.sampled_from(TIMES)), max_size=30)
WANTED = st.builds(
    Wanted,
    types=st.lists(st.sampled_from((*TYPES, "ticket.", "user.", "nothing.")), max_size=3, unique=True).map(tuple),
    entity=st.sampled_from((None, "ticket", "user", "login", "nothing")),
    entity_id=st.sampled_from((None, "1", "11")),
    since=st.sampled_from((None, *TIMES)),
    until=st.sampled_from((None, *TIMES)),
).filter(lambda wanted: wanted.entity is not None or wanted.entity_id is None)
BOUNDS = st.builds(Bounds, events=st.integers(1, 40), size=st.sampled_from((1, 1500, 1_000_000)), seconds=st.sampled_from((-1.0, 10.0)))


def event(sequence: int, type_: str, subject: str, time: str) -> StoredEvent:
    """One of another service's events, as its wire brings it; nothing of the log's chain is looked at here."""
    data, zero = canonical({"n": sequence}), "0" * 64
    attributes: Mapping[str, Any] = {
        "sequence": sequence, "id": f"event-{sequence}", "source": "/auth", "origin": ORIGIN, "type": type_, "dataversion": 1,
        "subject": subject, "streamversion": sequence, "time": time, "recordedtime": time, "imported": False, "actorkind": "user",
        "actorid": "ada", "tokenid": None, "correlationid": None, "causationid": None, "datadigest": digest(data),
        "personaldigest": None, "personalof": None,
    }  # fmt: skip
    own = head_of(attributes)
    rest: Mapping[str, Any] = {
        "traceparent": None,
        "head": own,
        "data": data,
        "personal": None,
        "salt": None,
        "prevhash": zero,
        "hash": chain(zero, own),
    }
    return StoredEvent(**attributes, **rest)


@contextmanager
def journal_of(events: list[StoredEvent]) -> Iterator[Connection]:
    engine = create_engine("sqlite://", module=pysqlite3)
    try:
        with engine.begin() as connection:
            LOG.create_all(connection)
            PRIMARY.create_all(connection)
            row = {"id": 1, "source": "/tickets", "sequence": 0, "hash": "", "tree": b"", "recordedtime": "", "batch": 0}
            connection.execute(insert(head), {**row, "origin": ORIGIN})
            columns = ("source", "sequence", "type", "subject", "time")
            rows = [
                {"position": position, "wire": each.wire(), **{name: getattr(each, name) for name in columns}}
                for position, each in enumerate(events, 1)
            ]
            if rows:
                connection.execute(insert(journal), rows)
            yield connection
    finally:
        engine.dispose()


def meant(wanted: Wanted, each: StoredEvent) -> bool:
    """The same, said in Python."""
    kind, id_ = each.entity
    kinds = ("user", "login") if wanted.entity == "user" else (wanted.entity,)
    return (
        (not wanted.types or any(each.type.startswith(type_) if type_.endswith(".") else each.type == type_ for type_ in wanted.types))
        and (wanted.entity is None or kind in kinds)
        and (wanted.entity_id is None or id_ == wanted.entity_id)
        and (wanted.since is None or each.time >= wanted.since)
        and (wanted.until is None or each.time < wanted.until)
    )


@settings(deadline=None, max_examples=200)
@given(made=MADE, wanted=WANTED, bounds=BOUNDS, looked_at=st.integers(1, 12), fetched=st.integers(1, 5))
def test_part_by_part_everything_that_is_wanted_comes_once_and_in_order(
    made: list[tuple[str, str, str]], wanted: Wanted, bounds: Bounds, looked_at: int, fetched: int
) -> None:
    events = [event(sequence, *each) for sequence, each in enumerate(made, 1)]
    with pytest.MonkeyPatch.context() as patch, journal_of(events) as connection:
        patch.setattr(feed, "_LOOKED_AT", looked_at)
        patch.setattr(feed, "_FETCHED", fetched)
        found: list[Carried] = []
        at = 0
        while at < len(events):
            part = feed.read(connection, at, wanted, bounds)
            assert at < part.at <= part.head == len(events), "Each part goes on, found or not."
            assert len(part.found) <= bounds.events
            assert part.hash == events[part.at - 1].hash
            found += part.found
            at = part.at
        assert found == [(position, each.hash, each.wire()) for position, each in enumerate(events, 1) if meant(wanted, each)]
        assert feed.read(connection, at, wanted, bounds).found == []


def test_a_part_ends_when_it_has_enough_bytes_and_never_before_its_first_event() -> None:
    events = [event(sequence, TYPES[0], SUBJECTS[0], TIMES[0]) for sequence in range(1, 10)]
    size = len(events[0].wire())
    with journal_of(events) as connection:
        for bytes_, count in ((1, 1), (size, 1), (size + 1, 2), (3 * size, 3)):
            part = feed.read(connection, 0, Wanted(), Bounds(events=100, size=bytes_, seconds=10))
            assert len(part.found) == part.at == count


def test_looking_in_vain_ends_after_its_time_and_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [event(sequence, TYPES[0], SUBJECTS[0], TIMES[0]) for sequence in range(1, 31)]
    monkeypatch.setattr(feed, "_LOOKED_AT", 10)
    with journal_of(events) as connection:
        part = feed.read(connection, 0, Wanted(types=("job.retried",)), Bounds(events=100, size=1_000_000, seconds=-1))
        assert (part.found, part.at, part.head) == ([], 10, 30)
