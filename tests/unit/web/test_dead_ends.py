"""What is said of an address that cannot be shown, and where it leads on to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.dead_ends import Way, faults, nearest, without
from web.refusals import Refused


def refused(detail: str, *errors: tuple[str, str]) -> Refused:
    found = [{"loc": ["query", *([name] if name else [])], "msg": said} for name, said in errors]
    return Refused(422, "invalid", "Invalid", detail, facts={"errors": found})


@pytest.mark.parametrize(
    ("path", "admin", "place"),
    [
        ("/tickets/99", False, "/tickets"),
        ("/admin/people/nobody", True, "/admin/people"),
        ("/admin/peoples", True, "/admin"),
        ("/admin/people/nobody", False, "/tickets"),
        ("/audit/checkpoints", True, "/audit/checkpoints"),
        ("/auditing", True, "/tickets"),
        ("/notifications/1/why", False, "/notifications"),
        ("/nothing/here", True, "/tickets"),
    ],
)
def test_the_way_on_is_the_nearest_list_that_one_may_see(path: str, admin: bool, place: str) -> None:
    assert nearest(path, admin=admin).href == place


def test_a_page_that_is_not_there_leads_to_the_first_with_the_same_filters() -> None:
    query = [("status", "open"), ("cursor", "x"), ("page", "3"), ("before", "y")]
    told = refused("The cursor does not belong to this list.", ("cursor", "must be a `next_cursor` of the same list"))
    assert faults(told, dict(query)) == [
        "It names a page of a list that is not there: it was cut off, or belongs to a list with other filters."
    ]
    assert without("/tickets", query, told.errors) == Way("/tickets?status=open", "Show it from the beginning")
    assert without("/tickets", query[1:], told.errors) == Way("/tickets", "Show it from the beginning")
    assert without("/tickets/1", [("history", "x")], told.errors) == Way("/tickets/1", "Show it from the beginning")


def test_what_cannot_be_is_named_and_the_rest_of_the_filters_stays() -> None:
    query = [("status", "shut"), ("sort", "x" * 60), ("priority", "low"), ("cursor", "y")]
    told = refused("The query breaks some rules.", ("status", "Input should be 'open' or …"), ("sort", "Input should be …"))
    assert faults(told, dict(query)) == [
        "“shut” is no status that a ticket can have.",
        f"“{'x' * 40}…” is no order that the list can have.",
    ]
    assert without("/tickets", query, told.errors) == Way("/tickets?priority=low", "Show it without that")


def test_what_the_service_says_itself_is_said_as_it_is() -> None:
    told = refused("The log of tickets ends at 11: there is no event 99 yet.", ("at", "must not be above 11"))
    assert faults(told, {"at": "99"}) == ["The log of tickets ends at 11: there is no event 99 yet."]


def test_where_no_parameter_is_named_the_address_alone_is_left() -> None:
    told = refused("A parameter cannot be meant.", ("", "must not contain a NUL character"))
    assert faults(told, {"q": "\0"}) == ["The address must not contain a NUL character."]
    assert without("/tickets", [("q", "\0"), ("status", "open")], told.errors) == Way("/tickets", "Show it without that")


NAMES = st.sampled_from(["status", "sort", "cursor", "page", "q", "as_of", "version", "history", "other", ""])


@given(query=st.lists(st.tuples(NAMES, st.text(max_size=60))), wrong=st.dictionaries(NAMES, st.text(max_size=20), min_size=1))
def test_there_is_always_something_said_and_a_way_that_leaves_out_what_was_wrong(
    query: list[tuple[str, str]], wrong: dict[str, str]
) -> None:
    told = refused("The query breaks some rules.", *wrong.items())
    assert all(faults(told, dict(query)))
    way = without("/tickets", query, told.errors)
    assert way.href.startswith("/tickets")
    assert not any(f"{name}=" in way.href.replace("?", "&").split("&") for name in wrong if name)
