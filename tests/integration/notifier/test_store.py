"""The store: what the migrations make is what the code expects, kept counts agree with what is counted, and no read walks a table."""

import asyncio
import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select

from chassis.database import migrate
from events.tables import LOG
from notifier import inbox, jobs, people, queries
from notifier.jobs import Job
from notifier.policy import Outcome
from notifier.queries import WantedJobs, WantedNotifications
from notifier.tables import DERIVED, PRIMARY, notifications
from notifier.units import Mark, MarkAll
from tests.integration.notifier.office import START, Office, office

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")


def shape(engine: Engine) -> dict[str, Any]:
    """Return the columns and indexes of the notifier's own tables."""
    found = inspect(engine)
    return {
        table: {
            "columns": [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
            "key": found.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted(str(c["column_names"]) for c in found.get_unique_constraints(table)),
            "indexes": sorted(
                (str(i["name"]), str(i["column_names"]), str(i["dialect_options"].get("sqlite_where"))) for i in found.get_indexes(table)
            ),
        }
        for table in PRIMARY.tables
    }


def test_the_migrations_make_the_tables_that_the_code_expects(tmp_path: Path) -> None:
    made, expected = (create_engine(f"sqlite:///{tmp_path / name}", module=pysqlite3) for name in ("made", "expected"))
    migrate(made, "notifier.migrations")
    PRIMARY.create_all(expected)
    assert shape(made) == shape(expected)
    for engine in (made, expected):
        engine.dispose()


@pytest.mark.parametrize("seed", range(3))
async def test_kept_counts_are_what_counting_finds_whatever_is_marked_when(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    async with office(tmp_path) as there:
        names = ["alf", "bea", "cem"]
        for _ in range(60):
            await there.assign(dice.choice(names))
            marks: list[Mark | MarkAll] = [Mark(*owned, read=dice.random() < 0.6) for owned in dice.sample(owned_by(there), 1)]
            if dice.random() < 0.1:
                marks.append(MarkAll(dice.choice(names)))
            await asyncio.gather(*(there.writer.execute(mark) for mark in marks))
            assert there.unread() == counted(there)


def owned_by(there: Office) -> list[tuple[str, str]]:
    with there.store.read() as connection:
        return [(row.recipient, row.id) for row in connection.execute(select(notifications))]


def counted(there: Office) -> dict[str, int]:
    with there.store.read() as connection:
        unread = func.count().filter(notifications.c.read_at.is_(None))
        return {row[0]: row[1] for row in connection.execute(select(notifications.c.recipient, unread).group_by(notifications.c.recipient))}


def plans(connection: Connection) -> list[str]:
    """Ask everything that is read often, and return how SQLite looked for it."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    job = Job(id="j", type="email", claim="c", attempts=1, max_attempts=8, dedupe_key="k", recipient="alf", notification="n", notice=None)
    for after in (None, 5):
        for unread, kind in product((None, True, False), (None, "ticket.escalated")):
            queries.inbox(connection, "alf", WantedNotifications(unread=unread, kind=kind), limit=5, after=after)
    queries.following(connection, "alf", 5, 5)
    queries.last_position(connection, "alf")
    queries.unread_count(connection, "alf")
    queries.last_change(connection)
    queries.changed_inboxes(connection, 5, 5)
    queries.wants_email(connection, "alf")
    for wanted in (WantedJobs(), WantedJobs(status="dead"), WantedJobs(type="email"), WantedJobs(status="dead", type="email")):
        queries.job_list(connection, wanted, limit=5, after=None)
        queries.job_list(connection, wanted, limit=5, after="j")
    inbox.mark(connection, "alf", "n", START)
    inbox.mark_all(connection, "alf", START)
    people.admins(connection)
    jobs.next_at(connection, ["email", "fan_out"])
    jobs.claim(connection, types=["email", "fan_out"], limit=5, mine="c", now=START)
    jobs.mark_sending(connection, job, START)
    jobs.end(connection, job, Outcome("succeeded"), START, None)
    jobs.hurry(connection, START)
    jobs.figures(connection)
    event.remove(connection, "before_cursor_execute", note)
    explained = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all() for statement, parameters in asked]
    return [f"{row[3]} ⟵ {statement}" for rows, (statement, _) in zip(explained, asked, strict=True) for row in rows]


def test_nothing_that_is_read_often_walks_a_table_or_sorts() -> None:
    engine = create_engine("sqlite://", module=pysqlite3)
    with engine.begin() as connection:
        for tables in (LOG, PRIMARY, DERIVED):
            tables.create_all(connection)
        found = plans(connection)
    engine.dispose()
    assert len(found) > 20
    whole = [plan.partition(" ⟵ ")[0] for plan in found if plan.startswith("SCAN")]
    # a page of the whole list in the order of its ids, and the few who are admins
    assert set(whole) == {"SCAN jobs USING INDEX sqlite_autoindex_jobs_1", "SCAN people USING INDEX people_admins"}
    assert [plan for plan in found if "TEMP B-TREE" in plan] == []
