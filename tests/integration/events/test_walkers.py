"""A log that several processes walk over together, and one of which any byte was changed: what is found is the same, and at its place."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url, select, text
from sqlalchemy.exc import IntegrityError

from events import tables, verify, walkers
from events.envelope import COLUMNS
from events.store import SQLITE, doubt_about, sqlite_version
from events.verify import StoreReport, verify_store
from events.walkers import Crew, Workers, crew_of
from tests.support.logs import ORIGIN, SIGNER, Disk, Log

EVENTS = 47
NOTES = (7, 18, 20, 33, 40)


def busy_day() -> Log:
    """More events than five pieces of work have; people, an erasure, and checkpoints between and at the borders of the pieces."""
    log = Log("/auth")
    for number in range(1, EVENTS + 1):
        personal = {"name": f"“{number}”"} if number % 3 == 0 else None
        type_ = "user.erased" if number == 24 else "user.logged_in"
        log.add(f"user/{number % 4}", type_, personal=personal, imported=number < 9, causationid=ORIGIN if number % 5 else None)
        if number in NOTES:
            log.sign()
    return log


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr(verify, "EVENTS_WORTH_IT", 0)
    monkeypatch.setattr(verify, "_WORK", 10)
    monkeypatch.setattr(verify, "_FAR", 4)
    made = Disk(tmp_path / "auth.sqlite3")
    made.engine = create_engine(made.engine.url, module=SQLITE)  # the one that the processes use: they say the same
    busy_day().write(made.engine)
    yield made
    made.engine.dispose()


def crew(disk: Disk) -> Crew:
    return Crew(str(disk.engine.url.database), 2)


def verified(disk: Disk, crew: Crew | None, told: list[int] | None = None) -> StoreReport:
    return verify_store(
        disk.connect,
        source="/auth",
        public_keys=[SIGNER.public_key],
        seen={},
        crew=crew,
        progress=lambda done, _total: told.append(done) if told is not None else None,
    )


def test_several_processes_say_what_one_says_and_tell_how_far_they_are(disk: Disk) -> None:
    told: list[int] = []
    report = verified(disk, crew(disk), told)
    assert (report.ok, report.events, report.checkpoints) == (True, EVENTS, len(NOTES))
    assert report == verified(disk, None)
    assert told == sorted(told)
    assert (told[0] <= 4, told[-1]) == (True, EVENTS)


DAMAGE = {
    "in the first piece": "UPDATE events SET actorid = 'mallory' WHERE sequence = 3",
    "the last of a piece": "UPDATE events SET data = X'7B7D' WHERE sequence = 12",
    "the first of a piece": "UPDATE events SET data = X'7B7D' WHERE sequence = 13",
    "what the next piece takes for granted: the hash": f"UPDATE events SET hash = '{'0' * 64}' WHERE sequence = 12",
    "what the next piece takes for granted: the origin": "UPDATE events SET origin = 'x' WHERE sequence = 12",
    "what the next piece takes for granted: the time": "UPDATE events SET recordedtime = '2030' WHERE sequence = 12",
    "the place where a piece begins is gone": "DELETE FROM events WHERE sequence = 12",
    "two of them, the later first": "UPDATE events SET actorid = 'mallory' WHERE sequence IN (14, 37)",
    "the end is gone": "DELETE FROM events WHERE sequence > 41",
    "a checkpoint": "UPDATE checkpoints SET note = replace(note, 'ste/auth', 'ste/author') WHERE size = 20",
    "a checkpoint before a changed event": "UPDATE checkpoints SET size = 19 WHERE size = 20",
    "a name that is gone, erased later": "UPDATE events SET personal = NULL, salt = NULL WHERE subject = 'user/0' AND sequence < 24",
    "a name that is gone, erased before": "UPDATE events SET personal = NULL, salt = NULL WHERE subject = 'user/0' AND sequence > 24",
    "text that is none": "UPDATE events SET actorid = CAST(X'FFFE' AS TEXT) WHERE sequence = 29",
    "bytes that read like the text": "UPDATE events SET actorid = CAST(actorid AS BLOB) WHERE sequence = 29",
}


@pytest.mark.parametrize("statement", DAMAGE.values(), ids=DAMAGE)
def test_several_processes_find_what_one_finds(disk: Disk, statement: str) -> None:
    disk.change(statement)
    assert verified(disk, crew(disk)) == (alone := verified(disk, None))
    assert alone.ok is False


def test_what_a_process_does_not_do_is_done_here(disk: Disk, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert verified(disk, Crew(str(tmp_path / "nowhere" / "auth.sqlite3"), 2)) == verified(disk, None)
    assert "unable to open database file" in capfd.readouterr().err  # each of the two said why it died


def test_no_process_is_left_when_nobody_wants_to_know_any_more(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start: Callable[..., Any] = subprocess.Popen

    def noted(*args: Any, **options: Any) -> Any:
        started.append(start(*args, **options))
        return started[-1]

    def enough(_done: int, _total: int) -> None:
        raise InterruptedError

    monkeypatch.setattr(subprocess, "Popen", noted)
    with pytest.raises(InterruptedError):
        verify_store(disk.connect, source="/auth", public_keys=[SIGNER.public_key], seen={}, crew=crew(disk), progress=enough)
    assert [process.returncode is not None for process in started] == [True, True]


def test_who_may_walk_is_known_from_where_the_store_is(tmp_path: Path) -> None:
    found = crew_of(make_url(f"sqlite:///{tmp_path / 'tickets.sqlite3'}"))
    if doubt_about(sqlite_version()) is None:
        assert found is not None
        assert found.file == str(tmp_path / "tickets.sqlite3")
        assert 1 <= found.size <= walkers.MOST
    else:
        assert found is None
    assert crew_of(make_url("sqlite://")) is None
    assert crew_of(make_url("postgresql+psycopg://nobody@localhost/nothing")) is None


def test_a_process_steps_back_for_others_and_ends_with_its_input() -> None:
    with Workers("events.walker", 1) as workers:
        (process,) = workers._processes
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdin = None


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    made = Disk(tmp_path_factory.mktemp("honest") / "auth.sqlite3")
    busy_day().write(made.engine)
    yield made
    made.engine.dispose()


def flipped(value: Any, at: int, bit: int) -> Any:
    """Return a text or bytes of which one bit is another."""
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[at % len(raw)] ^= 1 << bit
    return raw.decode() if isinstance(value, str) else bytes(raw)


NUMBERS = ("sequence", "dataversion", "streamversion", "imported")
CHANGEABLE = [name for name in COLUMNS if name not in ("traceparent", *NUMBERS)]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.integers(1, EVENTS), column=st.sampled_from(CHANGEABLE), at=st.integers(0, 10_000), bit=st.integers(0, 6))
def test_a_change_of_any_bit_of_any_column_is_found_at_its_event(honest: Disk, sequence: int, column: str, at: int, bit: int) -> None:
    was = select(tables.events.c[column]).where(tables.events.c.sequence == sequence)
    change = text(f"UPDATE events SET {column} = :value WHERE sequence = :sequence")
    with honest.engine.connect() as connection:
        value = connection.scalar(was)
    if value is None:
        return
    try:
        changed = flipped(value, at, bit)
    except UnicodeDecodeError:
        return
    try:
        with honest.engine.begin() as connection:
            connection.execute(change, {"value": changed, "sequence": sequence})
    except IntegrityError:  # another has this id, or this place in its stream: the database does not even take it
        return
    try:
        report = verified(honest, None)
    finally:
        with honest.engine.begin() as connection:
            connection.execute(change, {"value": value, "sequence": sequence})
    assert (report.ok, report.first_bad_sequence) == (False, sequence), report.reason


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.integers(1, EVENTS), column=st.sampled_from(NUMBERS), bit=st.integers(0, 62))
def test_a_change_of_any_bit_of_any_number_is_found_at_its_event(honest: Disk, sequence: int, column: str, bit: int) -> None:
    with honest.engine.connect() as connection:
        was = int(connection.scalar(select(tables.events.c[column]).where(tables.events.c.sequence == sequence)) or 0)
    change = text(f"UPDATE events SET {column} = :to WHERE sequence = :at")
    to = was ^ 1 << bit
    try:
        with honest.engine.begin() as connection:
            connection.execute(change, {"to": to, "at": sequence})
    except IntegrityError:
        return
    try:
        report = verified(honest, None)
    finally:
        with honest.engine.begin() as connection:
            connection.execute(change, {"to": was, "at": to if column == "sequence" else sequence})
    assert (report.ok, report.first_bad_sequence) == (False, sequence), report.reason


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.sampled_from(NOTES), column=st.sampled_from(("note", "time")), at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_change_of_any_bit_of_a_checkpoint_is_found(honest: Disk, size: int, column: str, at: int, bit: int) -> None:
    """Also where the bytes are no text any more: SQLite keeps them all the same."""
    change = text(f"UPDATE checkpoints SET {column} = CAST(:value AS TEXT) WHERE size = :size")
    with honest.engine.connect() as connection:
        value = connection.scalar(text(f"SELECT CAST({column} AS BLOB) FROM checkpoints WHERE size = :size"), {"size": size})
    with honest.engine.begin() as connection:
        connection.execute(change, {"value": flipped(value, at, bit), "size": size})
    try:
        report = verified(honest, None)
    finally:
        with honest.engine.begin() as connection:
            connection.execute(change, {"value": value, "size": size})
    assert (report.ok, report.first_bad_sequence) == (False, size), report.reason


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.sampled_from(NOTES), to=st.integers(-(2**63), 2**63 - 1))
def test_a_checkpoint_over_another_number_of_events_is_found(honest: Disk, size: int, to: int) -> None:
    change = text("UPDATE checkpoints SET size = :to WHERE size = :size")
    if to in NOTES:
        return  # the database does not even take it
    with honest.engine.begin() as connection:
        connection.execute(change, {"to": to, "size": size})
    try:
        assert not verified(honest, None).ok
    finally:
        with honest.engine.begin() as connection:
            connection.execute(change, {"to": size, "size": to})


def test_the_log_of_this_file_is_in_order(honest: Disk) -> None:
    assert verified(honest, None).ok
