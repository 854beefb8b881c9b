"""What was put into the spool in any order comes out in the order of time, then of the file."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.importing.history import Change, Opening, Said
from deploy.importing.spool import Person, Spool

NOON = datetime(2016, 2, 29, 12, tzinfo=UTC)
NAMES = st.sampled_from(["Ada", "Ben", "Cleo"])
MOMENTS = st.integers(-3, 3).map(lambda minutes: NOON + timedelta(minutes=minutes))


ROWS = st.tuples(st.sampled_from("ABC"), MOMENTS, NAMES, NAMES, st.sampled_from(["nothing", None, "Ada", "Ben", "Dora"]))


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """Changes of up to three tickets, each opened at one moment, in any order."""
    opened = dict(zip("ABC", draw(st.tuples(MOMENTS, MOMENTS, MOMENTS)), strict=True))
    return [change(line, opened, row) for line, row in enumerate(draw(st.lists(ROWS, max_size=12)), 2)]


def change(line: int, opened: dict[str, datetime], row: tuple[str, datetime, str, str, str | None]) -> Change:
    number, at, by, requester, assignee = row
    said: dict[Said, str | None] = {} if assignee == "nothing" else {"assignee": assignee}
    opening = Opening(requester=requester, at=opened[number], title="t", body="b", fields={"f": "\u00e9"})
    return Change(line=line, number=number, at=at, by=by, said=said, opening=opening)


@settings(deadline=None)
@given(histories())
def test_changes_come_in_the_order_of_time_then_of_the_file_none_before_its_ticket_was_opened(history: list[Change]) -> None:
    with Spool() as spool:
        for change in history:
            spool.add(change)
        placed = list(spool.changes())
    expected = sorted(history, key=lambda change: (change.at, change.line))
    assert [each.change.line for each in placed] == [change.line for change in expected]
    places = Counter[str]()
    for (found, raised), change in zip(placed, expected, strict=True):
        places[change.number] += 1
        assert change.opening is not None
        assert found.at == max(change.at, change.opening.at)
        assert raised == (change.at < change.opening.at)
        assert found.row == str(places[change.number])
        assert (found.number, found.by, found.said, found.opening) == (change.number, change.by, change.said, change.opening)


@settings(deadline=None)
@given(histories())
def test_everybody_appears_once_at_the_first_moment_and_is_an_admin_where_ever_an_assignee(history: list[Change]) -> None:
    with Spool() as spool:
        for change in history:
            spool.add(change)
        people = list(spool.people())
        assert spool.counts() == (len(history), len(people))
    seen = [each for change in history for each in change.seen()]
    expected = {
        name: Person(name, min(each.at for each in seen if each.name == name), any(each.assigned for each in seen if each.name == name))
        for name in {each.name for each in seen}
    }
    assert {person.name: person for person in people} == expected
    assert [person.first for person in people] == sorted(person.first for person in people)


def test_a_row_keeps_the_key_that_its_source_gave_it() -> None:
    opening = Opening(requester="Ada", at=NOON, title="t")
    with Spool() as spool:
        for line, row in enumerate(["x", None, "y"], 1):
            spool.add(Change(line=line, number="A", at=NOON, by="Ada", said={}, opening=opening, row=row))
        assert [placed.change.row for placed in spool.changes()] == ["x", "2", "y"]


def test_a_change_that_opens_nothing_is_raised_to_what_did() -> None:
    with Spool() as spool:
        spool.add(Change(line=1, number="A", at=NOON, by="Ada", said={}, opening=Opening(requester="Ada", at=NOON, title="t")))
        spool.add(Change(line=2, number="B", at=NOON, by="Ada", said={"status": "resolved"}))
        opened, orphan = spool.changes()
    assert (opened.raised, orphan.raised) == (False, False)
    assert orphan.change.said == {"status": "resolved"}
