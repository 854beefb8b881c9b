"""Entries of the audit and the seal, as the pages show them."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from web.audit_view import Value, entries, place, seal_of, value_of
from web.diffs import Part

ADA = "0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11"


def an_entry(**members: Any) -> dict[str, Any]:
    return {
        "id": "0193576f-2c00-7c0e-9d4f-000000000001",
        "source": "/tickets",
        "sequence": 7,
        "time": "2026-11-23T09:00:00.000000Z",
        "action": "ticket_assigned",
        "entity": {"type": "ticket", "id": "42"},
        "actor": {"kind": "user", "id": ADA, "name": "Ada"},
        "before": {"assignee": None},
        "after": {"assignee": ADA},
        "hash": "00",
        **members,
    }


def test_ids_of_people_become_names_where_they_are_known() -> None:
    (entry,) = entries([an_entry()], {})
    assert entry.rows[0].before == Value("nothing")
    assert entry.rows[0].after == Value("Ada", id=ADA)


def test_who_was_erased_and_who_is_no_person_have_words() -> None:
    erased = an_entry(actor={"kind": "user", "id": ADA, "name": None})
    timer = an_entry(actor={"kind": "system", "id": "escalator", "name": None})
    assert [entry.who for entry in entries([erased], {})] == ["erased person"]
    assert [entry.who for entry in entries([timer], {})] == ["the desk (escalator)"]


def test_an_edit_is_compared_word_by_word() -> None:
    (entry,) = entries([an_entry(action="ticket_edited", before={"title": "The lift is stuck"}, after={"title": "The lift was stuck"})], {})
    assert entry.rows[0].parts == [Part("same", "The lift"), Part("gone", " is"), Part("new", " was"), Part("same", " stuck")]


def test_no_edit_keeps_the_page_waiting() -> None:
    edit = an_entry(action="ticket_edited", before={"body": "a b " * 500}, after={"body": "b c a " * 333})
    began = time.process_time()
    entries([edit] * 5, {})
    assert time.process_time() - began < 5


def test_an_action_that_is_newer_than_the_page_is_shown_by_its_name() -> None:
    (entry,) = entries([an_entry(action="ticket_put_to_sleep")], {})
    assert entry.what == "ticket put to sleep"


def test_an_entry_of_before_an_import_could_be_told_is_not_taken_for_one() -> None:
    assert [entry.imported for entry in entries([an_entry(), an_entry(imported=True)], {})] == [False, True]


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("status", "in_progress", "In progress"),
        ("ok", True, "yes"),
        ("scopes", ["read", "write"], "read, write"),
        ("holidays", [], "none"),
        ("level", 2, "2"),
        ("assignee", "someone-else-altogether", "person …together"),
    ],
)
def test_a_value_is_shown_in_words(field: str, value: Any, shown: str) -> None:
    assert value_of(field, value, {}).text == shown


@pytest.mark.parametrize("value", ["2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-11-23T09:00:00Z"])
def test_what_people_write_is_never_taken_for_a_moment(value: str) -> None:
    assert value_of("title", value, {}) == Value(value)


@pytest.mark.parametrize("value", ["2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_a_moment_that_no_clock_shows_is_shown_as_it_stands(value: str) -> None:
    assert value_of("due_at", value, {}) == Value(value)


def test_a_moment_is_shown_in_the_zone_of_the_reader() -> None:
    assert value_of("due_at", "2026-11-23T09:00:00Z", {}).at == datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_what_has_a_page_is_linked_to_it() -> None:
    assert place({"type": "ticket", "id": "42"}) == "/tickets/42"
    assert place({"type": "login", "id": "f00"}) == ""


def a_store(*, ok: bool | None) -> dict[str, Any]:
    return {"source": "/auth", "ok": ok, "events": 7, "head": {"sequence": 7, "hash": "00"}, "first_bad_sequence": None, "reason": None}


@pytest.mark.parametrize(
    ("ok", "stores", "state"),
    [
        (True, [a_store(ok=True)], "good"),
        (False, [a_store(ok=True), a_store(ok=False)], "bad"),
        (None, [a_store(ok=True), a_store(ok=None)], "unknown"),
        (False, [a_store(ok=False), a_store(ok=None)], "bad"),
    ],
)
def test_the_seal_is_red_when_one_store_is_wrong_whatever_else_is_unknown(ok: bool | None, stores: list[Any], state: str) -> None:
    assert seal_of({"ok": ok, "checked_at": "2026-11-23T09:00:00Z", "stores": stores}, None).state == state


def test_a_verification_that_runs_says_how_far_it_is() -> None:
    seal = seal_of(None, "120/200")
    assert (seal.state, seal.running, seal.done, seal.of) == ("never", True, 120, 200)
    assert not seal_of(None, None).running
