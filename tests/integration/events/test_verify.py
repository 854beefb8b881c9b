"""What `verify` finds: every change that somebody with the disk in his hands could make, each at its sequence."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from events import tables
from events.checkpoints import Signer
from events.envelope import COLUMNS, ZERO_HASH, canonical, chain
from events.ledger import Frontier, leaf_hash
from events.verify import Erased, Seen, StoreReport, verify_store
from tests.support.logs import ORIGIN, SIGNER, SOURCE, Disk, Log

OTHER_ORIGIN = "00000000-0000-0000-0000-000000000002"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "tickets.sqlite3")
    yield made
    made.engine.dispose()


def desk_day() -> Log:
    """Twenty events over three tickets, with personal parts, imported history and two checkpoints."""
    log = Log()
    for number in range(1, 21):
        personal = {"body": f"“{number}” \\ \n"} if number % 3 == 0 else None
        log.add(
            f"ticket/{number % 3}", personal=personal, imported=number < 4, tokenid="t-1" if number in (5, 9) else None, causationid=ORIGIN
        )
        if number in (7, 18):
            log.sign()
    return log


def verify(disk: Disk, seen: Mapping[str, Seen] | None = None, *, erased: Erased | None = None, source: str = SOURCE) -> StoreReport:
    return verify_store(disk.connect, source=source, public_keys=[SIGNER.public_key], seen=seen or {}, erased=erased)


def found(disk: Disk, **seen: Seen) -> tuple[int | None, str]:
    report = verify(disk, seen)
    assert not report.ok
    return report.first_bad_sequence, report.reason or ""


def test_an_untouched_store_is_what_was_written(disk: Disk) -> None:
    log = desk_day()
    log.write(disk.engine)
    seen = {"notifier": Seen(ORIGIN, 20, log.hash), "escalator": Seen(ORIGIN, 3, log.events[2].hash), "auth": Seen("", 0, ZERO_HASH)}
    report = verify(disk, seen)
    assert report.as_dict() == {
        "source": SOURCE,
        "ok": True,
        "events": 20,
        "head": {"sequence": 20, "hash": log.hash},
        "checkpoints": 2,
        "first_bad_sequence": None,
        "reason": None,
    }


def test_an_empty_store_is_in_order(disk: Disk) -> None:
    Log().write(disk.engine)
    report = verify(disk)
    assert (report.ok, report.events, report.head) == (True, 0, {"sequence": 0, "hash": ZERO_HASH})


def test_a_store_without_its_head_row_is_not(disk: Disk) -> None:
    tables.LOG.create_all(disk.engine)
    report = verify(disk)
    assert (report.ok, report.reason) == (False, "The store has no head row.")


def test_a_store_with_two_head_rows_is_not(disk: Disk) -> None:
    desk_day().write(disk.engine)
    with disk.engine.begin() as connection:  # a table without constraints, as SQLite's writable schema could make it
        connection.exec_driver_sql("CREATE TABLE spare AS SELECT * FROM head UNION ALL SELECT * FROM head")
        connection.exec_driver_sql("DROP TABLE head")
        connection.exec_driver_sql("ALTER TABLE spare RENAME TO head")
    assert verify(disk).reason == "The store has several head rows."


def test_a_log_longer_than_many_reads_is_walked_whole_and_tells_how_far_it_is(disk: Disk) -> None:
    log = Log()
    for number in range(12_500):
        log.add(f"ticket/{number % 700}")
        if number % 2_499 == 0:
            log.sign()
    log.write(disk.engine)
    told: list[tuple[int, int]] = []
    report = verify_store(
        disk.connect, source=SOURCE, public_keys=[SIGNER.public_key], seen={}, progress=lambda done, total: told.append((done, total))
    )
    assert (report.ok, report.events, report.checkpoints) == (True, 12_500, 6)
    assert told == sorted(told)
    assert told[-1] == (12_500, 12_500)


CHANGED = {
    "sequence": "99",
    "id": "'00000000-0000-0000-0000-000000000000'",
    "source": "'/auth'",
    "origin": f"'{OTHER_ORIGIN}'",
    "type": "'ticket.edited'",
    "dataversion": "2",
    "subject": "'ticket/99'",
    "streamversion": "99",
    "time": "'2026-11-23T09:00:00.000000Z'",
    "recordedtime": "'2026-11-23T09:00:00.000000Z'",
    "imported": "1",
    "actorkind": "'system'",
    "actorid": "'mallory'",
    "tokenid": "'t-2'",
    "correlationid": "NULL",
    "causationid": "''",
    "datadigest": f"'{'0' * 64}'",
    "personaldigest": f"'{'0' * 64}'",
    "personalof": "'mallory'",
    "head": "CAST(replace(CAST(head AS TEXT), 'anna', 'hans') AS BLOB)",
    "data": "X'7B7D'",
    "personal": "X'7B7D'",
    "salt": "CASE WHEN personal IS NULL THEN 'abcd' ELSE upper(salt) END",  # no consumer takes either off the wire
    "prevhash": f"'{'0' * 64}'",
    "hash": f"'{'0' * 64}'",
}


def test_the_list_of_changes_leaves_out_only_what_is_outside_the_hash() -> None:
    assert set(COLUMNS) - set(CHANGED) == {"traceparent"}


@pytest.mark.parametrize("column", CHANGED)
@pytest.mark.parametrize("sequence", [9, 20])
def test_a_changed_column_is_found_at_its_event(disk: Disk, column: str, sequence: int) -> None:
    desk_day().write(disk.engine)
    disk.change(f"UPDATE events SET {column} = {CHANGED[column]} WHERE sequence = :sequence", sequence=sequence)
    assert found(disk)[0] == sequence


@pytest.mark.parametrize("value", ["NULL", "'x'", "7", "X'00'", "1.5", """'a","b":"c'"""])
def test_a_value_that_cannot_stand_there_is_found_and_never_an_exception(disk: Disk, value: str) -> None:
    desk_day().write(disk.engine)
    with disk.engine.begin() as connection:  # a table without types, as SQLite's writable schema could make it
        connection.exec_driver_sql("ALTER TABLE events RENAME TO honest")
        connection.exec_driver_sql("CREATE TABLE events AS SELECT * FROM honest")
    for column in set(COLUMNS) - {"sequence", "traceparent"}:
        disk.change(f"UPDATE events SET {column} = {value} WHERE sequence = 9")
        assert (column, found(disk)[0]) == (column, 9)
        disk.change("DELETE FROM events WHERE sequence = 9")
        disk.change("INSERT INTO events SELECT * FROM honest WHERE sequence = 9")
    assert verify(disk).ok


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("version", ["00", "fe"])
def test_a_traceparent_as_w3c_spells_it_may_stand_beside_an_event(disk: Disk, version: str) -> None:
    desk_day().write(disk.engine)
    disk.change("UPDATE events SET traceparent = :trace WHERE sequence = 9", trace=version + TRACE[2:])
    assert verify(disk).ok


@pytest.mark.parametrize(
    "value",
    ["''", "'mallory'", f"'{TRACE.upper()}'", f"'{TRACE}x'", f"'x{TRACE[1:]}'", f"'{TRACE}' || char(0)", f"CAST('{TRACE}' AS BLOB)"],
)
def test_any_other_traceparent_is_found_at_its_event(disk: Disk, value: str) -> None:
    desk_day().write(disk.engine)
    disk.change(f"UPDATE events SET traceparent = {value} WHERE sequence = 9")
    assert found(disk)[0] == 9


def test_columns_that_spell_the_head_only_together_are_found(disk: Disk) -> None:
    """A value with quotation marks of its own must not make up for an attribute that is missing beside it."""
    desk_day().write(disk.engine)
    disk.change("""UPDATE events SET actorkind = actorkind || '","causationid":"' || causationid, causationid = NULL WHERE sequence = 9""")
    assert found(disk) == (9, "Its column actorkind differs from its head.")


def test_text_that_json_must_escape_is_no_alarm(disk: Disk) -> None:
    log = Log()
    log.add(actorid='a "quoted" \\ name')
    log.add(correlationid="über\ttab")
    log.write(disk.engine)
    assert verify(disk).ok


def test_a_deleted_event_is_missed_at_its_place(disk: Disk) -> None:
    desk_day().write(disk.engine)
    disk.change("DELETE FROM events WHERE sequence = 9")
    assert found(disk) == (9, "It is missing; the next event in the log is 10.")


def test_two_events_that_changed_places_are_found_at_the_first(disk: Disk) -> None:
    desk_day().write(disk.engine)
    for one, other in [(9, -1), (10, 9), (-1, 10)]:
        disk.change("UPDATE events SET sequence = :other WHERE sequence = :one", one=one, other=other)
    assert found(disk)[0] == 9


def test_an_event_before_the_first_is_found(disk: Disk) -> None:
    desk_day().write(disk.engine)
    disk.change("UPDATE events SET sequence = 0 WHERE sequence = 1")
    assert found(disk)[0] == 1


def test_a_tail_cut_off_shows_in_the_head_row(disk: Disk) -> None:
    desk_day().write(disk.engine)
    disk.change("DELETE FROM events WHERE sequence > 15")
    assert found(disk) == (16, "It is missing: the log ends here, and its head row counts 20 events.")


def test_a_tail_cut_off_with_its_head_row_shows_in_the_checkpoints(disk: Disk) -> None:
    desk_day().write(disk.engine)
    cut_neatly(disk, 15)
    assert found(disk) == (16, "It is missing: a signed checkpoint vouches for 18 events. The tail was cut off.")


def test_a_tail_cut_off_with_head_row_and_checkpoints_shows_in_what_the_peers_have_seen(disk: Disk) -> None:
    log = desk_day()
    log.write(disk.engine)
    cut_neatly(disk, 15)
    disk.change("DELETE FROM checkpoints WHERE size > 15")
    assert verify(disk, {"notifier": Seen(ORIGIN, 15, log.events[14].hash)}).ok
    assert found(disk, notifier=Seen(ORIGIN, 17, log.events[16].hash)) == (
        16,
        "It is missing: notifier has seen event 17. The tail was cut off.",
    )


def cut_neatly(disk: Disk, size: int) -> None:
    """Cut the log and make its head row what it was then, as a thorough forger would."""
    disk.change("DELETE FROM events WHERE sequence > :size", size=size)
    set_head(disk, size)


def set_head(disk: Disk, size: int) -> None:
    frontier, events = Frontier(), desk_day().events[:size]
    for stored in events:
        frontier.append(leaf_hash(stored.hash))
    disk.change(
        "UPDATE head SET sequence = :size, hash = :hash, tree = :tree, recordedtime = :time",
        size=size,
        hash=events[-1].hash,
        tree=frontier.dump(),
        time=events[-1].recordedtime,
    )


def test_a_history_written_anew_shows_in_checkpoints_and_peers(disk: Disk) -> None:
    honest, forged = desk_day(), Log()
    for stored in honest.events:
        forged.add(stored.subject, actorid="mallory")
    forged.write(disk.engine)
    assert verify(disk).ok  # by itself it is in order: that is what the witnesses are for
    assert found(disk, notifier=Seen(ORIGIN, 12, honest.events[11].hash)) == (
        12,
        "It is not the event that notifier has seen at this place.",
    )
    forged.notes = honest.notes
    with disk.engine.begin() as connection:
        connection.execute(
            tables.checkpoints.insert(), [{"size": size, "note": note, "time": honest.time_of(note)} for size, note in honest.notes]
        )
    assert found(disk) == (7, "The events up to it are not those that the signed checkpoint over it vouches for.")


def test_checkpoints_taken_away_are_missed(disk: Disk) -> None:
    """Or whoever cannot sign could write a long history anew."""
    log = Log()
    for number in range(2_500):
        log.add(f"ticket/{number % 7}")
        if number in (999, 1_999):
            log.sign()
    log.write(disk.engine)
    assert verify(disk).ok
    disk.change("DELETE FROM checkpoints WHERE size = 2000")
    assert found(disk) == (2_000, "No signed checkpoint vouches for it, though the writer signs one at each thousand.")


def test_a_checkpoint_of_a_stranger_is_found(disk: Disk) -> None:
    log = desk_day()
    log.sign(Signer(b"\x07" * 32, "ste/tickets"))
    log.write(disk.engine)
    assert found(disk) == (20, "The checkpoint over it is not valid. None of the known keys has signed it.")


def test_a_checkpoint_of_another_store_or_size_is_found(disk: Disk) -> None:
    log, twin = desk_day(), desk_day()
    twin.origin = OTHER_ORIGIN
    twin.sign()
    log.notes.append(twin.notes[-1])
    log.write(disk.engine)
    assert found(disk) == (20, "The checkpoint over it is that of another log or of another size.")
    disk.change("DELETE FROM checkpoints WHERE size = 20")
    disk.change("UPDATE checkpoints SET size = 8 WHERE size = 7")
    assert found(disk)[0] == 8


def test_a_changed_checkpoint_is_found(disk: Disk) -> None:
    desk_day().write(disk.engine)
    disk.change("UPDATE checkpoints SET note = replace(note, 'ste/tickets', 'ste/tlckets') WHERE size = 18")
    assert found(disk)[0] == 18


def test_the_time_beside_a_checkpoint_is_the_one_that_was_signed(disk: Disk) -> None:
    desk_day().write(disk.engine)
    disk.change("UPDATE checkpoints SET time = replace(time, '09:00:00.130', '09:00:00.131') WHERE size = 7")
    assert found(disk) == (7, "The time beside the checkpoint over it is not the one that was signed.")


def test_a_checkpoint_signed_before_its_last_event_was_stored_is_found(disk: Disk) -> None:
    log = desk_day()
    log.sign(time=log.events[18].recordedtime)
    log.write(disk.engine)
    assert found(disk) == (20, "The checkpoint over it claims to be signed before it was stored.")


OF_AN_OLD_CHECKPOINT = {
    "2026-11-23T09:00:00.141456Z": None,  # when its last event was stored
    "2026-11-23T09:00:00.143456Z": None,  # when the next one was
    "2026-11-23T08:00:01.000000Z": None,  # a clock was set back since that event was stored
    "2026-11-23T09:59:59.000000Z": None,  # and here since it was signed
    "2026-11-23T07:59:59.000000Z": "The checkpoint over it claims to be signed before it was stored.",
    "2026-11-23T10:00:01.000000Z": "The checkpoint over it claims to be signed after what was stored later.",
    "2026-11-23T09:00:00Z": "The time beside the checkpoint over it is none.",
    "9999-12-31T23:59:59.999999Z": "The time beside the checkpoint over it is none.",
    "": "The time beside the checkpoint over it is none.",
}


@pytest.mark.parametrize(("time", "reason"), OF_AN_OLD_CHECKPOINT.items())
def test_the_time_of_a_checkpoint_that_was_signed_without_it_stands_between_those_of_the_events(
    disk: Disk, time: str, reason: str | None
) -> None:
    log = Log()
    for number in range(1, 21):
        log.add()
        if number == 18:
            log.sign(time=None)
    log.write(disk.engine)
    disk.change("UPDATE checkpoints SET time = :time", time=time)
    if reason is None:
        assert (verify(disk).ok, verify(disk).checkpoints) == (True, 1)
    else:
        assert found(disk) == (18, reason)


def test_a_log_signed_by_an_older_version_goes_on_under_this_one(disk: Disk) -> None:
    log = Log()
    for number in range(1, 21):
        log.add()
        if number in (3, 7, 20):
            log.sign(time=None if number < 20 else log.events[-1].recordedtime)
    log.write(disk.engine)
    assert (verify(disk).ok, verify(disk).checkpoints) == (True, 3)


@pytest.mark.parametrize("value", ["NULL", "X'00'", "CAST(X'FF' AS TEXT)"])
@pytest.mark.parametrize("column", ["note", "time"])
def test_a_checkpoint_that_cannot_be_read_is_found_and_never_an_exception(disk: Disk, column: str, value: str) -> None:
    log = desk_day()
    log.sign()
    log.write(disk.engine)
    with disk.engine.begin() as connection:  # a table without types, as SQLite's writable schema could make it
        connection.exec_driver_sql("ALTER TABLE checkpoints RENAME TO honest")
        connection.exec_driver_sql("CREATE TABLE checkpoints AS SELECT * FROM honest")
    disk.change(f"UPDATE checkpoints SET {column} = {value} WHERE size = 18")
    assert found(disk) == (18, "The checkpoint over it cannot be read.")
    disk.change("UPDATE events SET actorid = 'mallory' WHERE sequence = 9")
    assert found(disk)[0] == 9  # what shows earlier is told first


@pytest.mark.parametrize("size", [0, -3])
def test_a_checkpoint_over_nothing_is_found(disk: Disk, size: int) -> None:
    desk_day().write(disk.engine)
    disk.change("UPDATE checkpoints SET size = :size WHERE size = 7", size=size)
    assert found(disk) == (1, f"A checkpoint claims to be over {size} events. None is signed before there is one.")


@pytest.mark.parametrize(
    ("column", "value"),
    [("source", "/auth"), ("origin", OTHER_ORIGIN), ("hash", "0" * 64), ("tree", b""), ("recordedtime", "2026-01-01T00:00:00.000000Z")],
)
def test_a_changed_head_row_is_found(disk: Disk, column: str, value: object) -> None:
    desk_day().write(disk.engine)
    disk.change(f"UPDATE head SET {column} = :value", value=value)
    assert found(disk) == (20, f"It is the last event, and the head row's {column} is not what follows from the log.")


def test_an_event_behind_the_head_row_is_found(disk: Disk) -> None:
    desk_day().write(disk.engine)
    set_head(disk, 19)
    assert found(disk) == (20, "It stands in the log, but the head row counts only 19 events.")


def test_the_log_of_another_service_is_found(disk: Disk) -> None:
    desk_day().write(disk.engine)
    report = verify(disk, source="/auth")
    assert (report.first_bad_sequence, report.reason) == (1, "It belongs to the log of /tickets.")


def test_a_gap_in_a_stream_is_found_even_when_the_chain_is_whole(disk: Disk) -> None:
    log = Log()
    log.add("ticket/1")
    log.add("ticket/2")
    log.add("ticket/1", streamversion=3)
    log.write(disk.engine)
    assert found(disk) == (3, "It is version 3 of ticket/1, and does not follow the one before.")


def test_a_gap_far_along_the_streams_is_found(disk: Disk) -> None:
    log = Log()
    for number in range(11_000):
        log.add(f"ticket/{number % 7:05}")
    log.sign()
    log.add("ticket/99999", streamversion=2)
    log.write(disk.engine)
    assert found(disk)[0] == 11_001


def test_a_stream_in_the_wrong_order_is_found(disk: Disk) -> None:
    log = Log()
    log.add("ticket/1", streamversion=2)
    log.add("ticket/1", streamversion=1)
    log.write(disk.engine)
    assert found(disk)[0] == 1


def test_a_clock_that_runs_back_in_the_log_is_found(disk: Disk) -> None:
    log = Log()
    log.add()
    log.add(recordedtime="2026-01-01T00:00:00.000000Z")
    log.write(disk.engine)
    assert found(disk) == (2, "It claims to be stored earlier than the event before it.")


def test_a_personal_part_may_be_absent_after_its_persons_erasure_only(disk: Disk) -> None:
    desk_day().write(disk.engine)
    disk.change("UPDATE events SET personal = NULL, salt = NULL WHERE personalof = 'anna'")
    assert found(disk) == (3, "Its personal part is gone, and no later erasure of its person stands in the logs.")
    asked: list[tuple[str, int]] = []

    def erased(person: str, sequence: int) -> bool:
        asked.append((person, sequence))
        return True

    assert verify(disk, erased=erased).ok
    assert asked == [("anna", 18)]  # an erasure behind the last absence is behind all of them


def test_an_erasure_in_the_log_itself_counts_for_what_is_before_it(disk: Disk) -> None:
    log = Log("/auth")
    log.add("user/anna", "user.registered", personal={"name": "Anna"})
    log.add("user/anna", "user.erased")
    log.add("user/anna", "user.login_failed", personal={"address": "192.0.2.1"})
    log.write(disk.engine)
    disk.change("UPDATE events SET personal = NULL, salt = NULL WHERE sequence = 1")
    assert verify(disk, source="/auth").ok
    disk.change("UPDATE events SET personal = NULL, salt = NULL WHERE sequence = 3")
    assert verify(disk, source="/auth").first_bad_sequence == 3
    # whoever is asked knows that she was erased, but not when: this log does
    assert verify(disk, source="/auth", erased=lambda person, _sequence: person == "anna").first_bad_sequence == 3


def test_a_restore_changes_the_origin_and_excuses_what_it_cut(disk: Disk) -> None:
    log = desk_day()
    cut_off = Seen(ORIGIN, 25, "f" * 64)
    log.origin = OTHER_ORIGIN
    log.add("store/tickets", "store.restored", data={"origin_before": ORIGIN, "cut": 20})
    for _ in range(6):
        log.add("ticket/1")
    log.sign()
    log.write(disk.engine)
    report = verify(
        disk, {"notifier": cut_off, "auth": Seen(ORIGIN, 20, log.events[19].hash), "escalator": Seen(OTHER_ORIGIN, 27, log.hash)}
    )
    assert (report.ok, report.checkpoints) == (True, 3)
    assert found(disk, notifier=Seen(OTHER_ORIGIN, 28, "f" * 64))[0] == 28


@pytest.mark.parametrize(
    "data", [{"origin_before": OTHER_ORIGIN, "cut": 20}, {}, {"cut": 20}, {"origin_before": ORIGIN, "cut": 0}, {"origin_before": ORIGIN}]
)
def test_an_origin_that_changes_without_a_restore_is_found(disk: Disk, data: dict[str, object]) -> None:
    log = desk_day()
    log.origin = OTHER_ORIGIN
    log.add("store/tickets", "store.restored", data=data or {"other": 1})
    log.write(disk.engine)
    assert found(disk) == (21, "The log changes its origin here, and no restore was recorded.")


def test_a_page_that_cannot_be_read_is_reported_at_its_event(disk: Disk) -> None:
    desk_day().write(disk.engine)
    disk.change("UPDATE events SET actorid = CAST(X'FFFE' AS TEXT) WHERE sequence = 9")  # text that is not UTF-8
    sequence, reason = found(disk)
    assert sequence == 9
    assert reason.startswith("It cannot be read: ")


def test_a_database_that_is_gone_is_no_finding(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'absent' / 'tickets.sqlite3'}")
    with pytest.raises(Exception, match="unable to open database file"):
        verify_store(engine.connect, source=SOURCE, public_keys=[], seen={})


def test_what_the_log_helper_writes_is_the_contracts_own_arithmetic() -> None:
    """The helper must not be right only because it calls the code under test."""
    log = desk_day()
    head = json.loads(log.events[0].head)
    assert canonical(head) == log.events[0].head
    assert log.events[1].hash == chain(log.events[0].hash, log.events[1].head)


def test_a_store_that_is_locked_is_not_said_to_be_broken(disk: Disk) -> None:
    desk_day().write(disk.engine)
    impatient = create_engine(disk.engine.url, connect_args={"timeout": 0})
    with disk.connect() as other:
        other.exec_driver_sql("BEGIN EXCLUSIVE")
        with pytest.raises(OperationalError, match="locked"):
            verify_store(impatient.connect, source=SOURCE, public_keys=[SIGNER.public_key], seen={})
    impatient.dispose()
    assert verify(disk).ok
