"""Lists and searches, against a store and against going through the rows one by one."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from tests.integration.tickets.store import moment, store, ticket
from tickets import queries, search
from tickets.commands import PRIORITIES, STATUSES
from tickets.queries import NOBODY, Wanted, page

MANY = search.RANKED + 500
SORTS = ("-created_at", "created_at", "-updated_at", "updated_at")
rows_of_tickets = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(STATUSES),
            "priority": st.sampled_from(PRIORITIES),
            "requester": st.sampled_from(["anna", "ben"]),
            "assignee": st.sampled_from([None, "ada", "alf"]),
            "created_at": st.integers(0, 5).map(moment),  # few times, so that many are equal
            "updated_at": st.integers(0, 5).map(moment),
            "escalated_at": st.sampled_from([None, moment(3)]),
        }
    ),
    max_size=25,
).map(lambda values: [ticket(number, **row) for number, row in enumerate(values, start=1)])
wants = st.builds(
    Wanted,
    status=st.none() | st.sampled_from(STATUSES),
    priority=st.none() | st.sampled_from(PRIORITIES),
    requester=st.none() | st.sampled_from(["anna", "ben"]),
    assignee=st.sampled_from([None, NOBODY, "ada", "alf"]),
    escalated=st.none() | st.booleans(),
    text=st.sampled_from([None, None, "something matter", "tick"]),
    sort=st.sampled_from(SORTS),
)


def meant(row: dict[str, Any], wanted: Wanted) -> bool:
    return (
        wanted.status in (None, row["status"])
        and wanted.priority in (None, row["priority"])
        and wanted.requester in (None, row["requester"])
        and (wanted.assignee is None or (row["assignee"] or NOBODY) == wanted.assignee)
        and (wanted.escalated is None or (row["escalated_at"] is not None) == wanted.escalated)
    )


def read_all(connection: Connection, wanted: Wanted, *, limit: int) -> list[int]:
    seen: list[int] = []
    after = None
    while rows := page(connection, wanted, limit=limit, after=after):
        seen.extend(row.id for row in rows)
        after = (rows[-1].time, rows[-1].id)
    return seen


@settings(max_examples=150, deadline=None)
@for_all(rows_of_tickets, wants, st.integers(1, 7))
def test_page_after_page_gives_every_ticket_that_is_meant_once_and_in_order(rows: list[dict[str, Any]], wanted: Wanted, limit: int) -> None:
    key = wanted.sort.removeprefix("-")
    expected = sorted(
        (row for row in rows if meant(row, wanted)), key=lambda row: (row[key], row["id"]), reverse=wanted.sort.startswith("-")
    )
    with store(rows) as connection:
        assert read_all(connection, wanted, limit=limit) == [row["id"] for row in expected]


WHOSE: list[dict[str, Any]] = [
    {**requester, **assignee} for requester in ({}, {"requester": "anna"}) for assignee in ({}, {"assignee": "ada"}, {"assignee": NOBODY})
]
DETAILS: list[dict[str, Any]] = [
    {**status, **priority, **escalated}
    for status in ({}, {"status": "resolved"})
    for priority in ({}, {"priority": "high"})
    for escalated in ({}, {"escalated": True}, {"escalated": False})
]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("whose", WHOSE, ids=str)
def test_whatever_narrows_a_list_no_row_is_read_to_be_thrown_away_and_none_is_sorted(whose: dict[str, Any], sort: Any) -> None:
    with store([ticket(1)]) as connection:
        for details, resumes in product(DETAILS, (False, True)):
            filters = {**whose, **details}
            steps = plan(connection, Wanted(**filters, sort=sort), resumes=resumes)
            assert not [step for step in steps if "TEMP B-TREE" in step], filters
            found = [step for step in steps if step.startswith(("SEARCH", "SCAN"))]
            in_detail = {"priority", "escalated"} & filters.keys() or len(whose) == 2
            asked = [step for name, step in (("requester", "requester=?"), ("assignee", "<expr>=?")) if name in whose] + ["status=?"]
            asked += ["priority=?", "<expr>=?"] if in_detail else []
            assert found, filters
            assert not [step for step in found if " COVERING INDEX tickets_by_" not in step or f"({' AND '.join(asked)}" not in step], (
                filters
            )


def plan(connection: Connection, wanted: Wanted, *, resumes: bool) -> list[str]:
    """How SQLite finds the keys of a page."""
    query = queries._page(wanted.narrowed, wanted.sort, resumes=resumes, searches=False)
    text, names, constants = query.compiled(connection.dialect)
    values = {**dict.fromkeys(names, "x"), **constants, "limit": 26, "after_id": 1}
    steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(values[name] for name in names))]
    return steps[: steps.index("SCAN page")]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("printer", [1, 2]),
        ("PRINT", [1, 2]),
        ("printer burns", [1]),
        ("cafe", [3]),
        ("café", [3]),
        ("rint", []),
        ("printer nothing", []),
        ('"', []),
        ('prin"ter', []),
        ("AND", [3]),
        ("burns OR", []),
        ("a-b", [2]),
        ("b-a", [2]),
        ("NEAR(", [3]),
        ("title:printer", []),
        ("o'clock", [2]),
        ("^printer", [1, 2]),
        ("(" * 300, []),
        ("* *", []),
        ("anna", []),
        ("{body} : x", []),
    ],
)
def test_whatever_is_typed_is_searched_as_plain_words(typed: str, found: list[int]) -> None:
    rows = [
        ticket(1, title="The printer", body="It burns."),
        ticket(2, title="Printer a-b", body="Since nine o'clock"),
        ticket(3, title="Café", body="Sugar AND milk, near the door"),
    ]
    with store(rows) as connection:
        assert read_all(connection, Wanted(text=typed, sort="created_at"), limit=10) == found


TITLES = (
    "\u26a0\ufe0f Printer burns",
    "Printer\u26a0\ufe0f burns",
    "The printer\U0001f926 burns",
    "\U0001f642printer, burns",
    "printer\U0001faf6\U0001f3fdburns",
)
TYPED = ("printer burns", "\u26a0\ufe0f printer burns", "printer burns \u2764\ufe0f", "\U0001f926burns printer")


@pytest.mark.parametrize("title", TITLES, ids=ascii)
@pytest.mark.parametrize("typed", TYPED, ids=ascii)
def test_an_emoji_beside_a_word_is_no_part_of_it(title: str, typed: str) -> None:
    with store([ticket(1, title=title), ticket(2, title="Something else")]) as connection:
        assert read_all(connection, Wanted(text=typed), limit=10) == [1]
        search.replace(connection, [ticket(1, title=title)], [])
        assert read_all(connection, Wanted(text=typed), limit=10) == []


@pytest.mark.parametrize("word", ["हिन्दी", "עִבְרִית", "العَرَبِيَّة", "ภาษาไทย", "日本語", "Ελληνικά"])
def test_words_of_every_script_are_found(word: str) -> None:
    with store([ticket(1, title=f"x {word} y"), ticket(2)]) as connection:
        assert read_all(connection, Wanted(text=word), limit=10) == [1]
        assert read_all(connection, Wanted(text=f"{word} y"), limit=10) == [1]


def test_a_person_finds_their_own_ticket_however_many_others_match_better() -> None:
    others = [ticket(number, title="printer printer printer", requester="ben") for number in range(2, MANY)]
    mine = ticket(1, title="About many things", body="and once a printer too", requester="anna", created_at=moment(1))
    with store([*others, mine]) as connection:
        assert read_all(connection, Wanted(text="printer", requester="anna"), limit=10) == [1]
        assert len(read_all(connection, Wanted(text="printer"), limit=100)) == 1000


def test_a_filter_comes_before_the_cut_to_the_best() -> None:
    others = [ticket(number, title="printer printer printer") for number in range(2, MANY)]
    urgent = ticket(1, body="and once a printer too", priority="urgent", created_at=moment(1))
    with store([*others, urgent]) as connection:
        assert read_all(connection, Wanted(text="printer", priority="urgent"), limit=10) == [1]


def test_of_what_matches_very_often_the_newest_are_ranked_and_the_best_of_them_are_found() -> None:
    old = [ticket(number, title="printer printer printer") for number in range(1, 101)]
    new = [ticket(number, body="and once a printer too") for number in range(101, search.RANKED + 51)]
    good = [ticket(number, title="printer printer") for number in range(search.RANKED + 51, search.RANKED + 101)]
    with store([*old, *new, *good]) as connection:
        found = set(read_all(connection, Wanted(text="printer"), limit=100))
    assert found >= {row["id"] for row in good}
    assert not found & {row["id"] for row in old}
    assert len(found) == search.BEST


def test_names_come_from_people_and_are_missing_where_nobody_is_known() -> None:
    with store([ticket(1, assignee="ada"), ticket(2, requester="stranger")]) as connection:
        first, second = queries.one(connection, 1), queries.one(connection, 2)
    assert first is not None
    assert second is not None
    (known, _), (unknown, _) = first, second
    assert (known.requester_name, known.requester_email, known.assignee_name) == ("Anna Arendt", "anna@example.com", "Ada Lovelace")
    assert (unknown.requester_name, unknown.requester_email) == (None, None)
