"""Lists of deadlines read no more than they show, however many tickets there are."""

import pytest
from sqlalchemy import create_engine

from escalator.queries import deadlines_listed
from escalator.rules import Shown
from escalator.tables import DERIVED
from events.store import SQLITE

LAST = ["2026-11-24T09:00:00.123456Z", 42, "default", 1]


@pytest.mark.parametrize("after", [None, LAST], ids=["first page", "next page"])
@pytest.mark.parametrize("shown", [None, "pending"])
@pytest.mark.parametrize("ticket", [None, 42])
def test_deadlines_are_read_in_order_and_those_of_a_ticket_by_its_number(ticket: int | None, shown: Shown | None, after: list[str]) -> None:
    steps = plan(ticket, shown, after)
    if ticket is not None:
        assert steps[0].startswith("SEARCH")
        assert steps[0].endswith("(ticket=?)")
    else:
        assert len(steps) == 1, "Nothing is sorted."
        assert " INDEX deadlines_next" in steps[0]
        assert steps[0].startswith("SCAN") == (shown is None and after is None)


def plan(ticket: int | None, shown: Shown | None, after: list[str]) -> list[str]:
    engine = create_engine("sqlite://", module=SQLITE)
    try:
        with engine.begin() as connection:
            DERIVED.create_all(connection)
            statement = deadlines_listed(shown, after, ticket).compile(dialect=engine.dialect)
            values = tuple(1 for _ in statement.positiontup or ())
            return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    finally:
        engine.dispose()
