"""Whatever somebody puts into any column of what `verify` reads, it says where that shows, or that nothing does; it never fails."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from events import tables
from events.verify import verify_store
from tests.integration.events.test_verify import desk_day
from tests.support.logs import SIGNER, SOURCE, Disk

ROWS = {"events": ("sequence = 9", "sequence = 20"), "checkpoints": ("size = 18",), "head": ("1 = 1",)}
PLACES = [(table, row, column.name) for table, rows in ROWS.items() for row in rows for column in tables.LOG.tables[table].columns]
VALUES = [
    *("NULL", "''", "'x'", "'9999-99-99T99:99:99.999999Z'", "0", "7", "-1", "1.5", "9223372036854775807"),
    *("X''", "X'FF'", "CAST(X'FFFE' AS TEXT)", "CAST(X'610062' AS TEXT)"),
]
BESIDE = {("head", "batch"), ("checkpoints", "size")}
"""What is no part of the history; of a size, that it is lost where none is due is no more than a checkpoint that was not signed."""


@pytest.fixture(scope="module", params=["as it is", "without types"])
def disk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """A store, and beside each table what it is; without types a table is as SQLite's writable schema could make it."""
    made = Disk(tmp_path_factory.mktemp("any") / "tickets.sqlite3")
    desk_day().write(made.engine)
    with made.engine.begin() as connection:
        for table in ROWS:
            connection.exec_driver_sql(f"CREATE TABLE honest_{table} AS SELECT * FROM {table}")
            if request.param == "without types":
                connection.exec_driver_sql(f"DROP TABLE {table}")
                connection.exec_driver_sql(f"CREATE TABLE {table} AS SELECT * FROM honest_{table}")
    yield made
    made.engine.dispose()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=st.sampled_from(VALUES))
def test_a_value_of_any_kind_in_any_column_is_found_and_never_an_exception(disk: Disk, place: tuple[str, str, str], value: str) -> None:
    table, row, column = place
    try:
        disk.change(f"UPDATE {table} SET {column} = {value} WHERE {row}")
    except IntegrityError:
        assume(False)
    try:
        report = verify_store(disk.connect, source=SOURCE, public_keys=[SIGNER.public_key], seen={})
        assert report.ok is (report.reason is None)
        assert not report.ok or (table, column) in BESIDE or _unchanged(disk, table, column)
    finally:
        disk.change(f"DELETE FROM {table}")
        disk.change(f"INSERT INTO {table} SELECT * FROM honest_{table}")


def _unchanged(disk: Disk, table: str, column: str) -> bool:
    values = f"SELECT typeof({column}), {column}"
    with disk.connect() as connection:
        return connection.exec_driver_sql(f"{values} FROM {table} EXCEPT {values} FROM honest_{table}").first() is None


def test_the_untouched_store_is_in_order(disk: Disk) -> None:
    assert verify_store(disk.connect, source=SOURCE, public_keys=[SIGNER.public_key], seen={}).ok
