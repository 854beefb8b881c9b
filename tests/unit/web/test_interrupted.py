"""A form that came too late: what is kept of it, and what never is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from web.forms import Form
from web.interrupted import ACTION, Kept, kept_of, unfold

TYPED = [("title", "No light"), ("body", "In the hall.\nSince noon."), ("_key", "5f0c"), ("version", "7")]


def request(path: str, pairs: list[tuple[str, str]] | None) -> Request:
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": [], "server": ("desk", 80), "scheme": "http"}
    return Request(scope | ({} if pairs is None else {"ste.form": Form(pairs)}))


def test_what_was_typed_is_kept_with_the_key_that_lets_it_count_once() -> None:
    kept = kept_of(request("/tickets/new", TYPED))
    assert kept is not None
    assert kept.action == "/tickets/new"
    assert kept.hidden == [("_key", "5f0c"), ("version", "7")]
    assert [(name, label, long) for name, label, _, long in kept.typed] == [("title", "Title", False), ("body", "Text", True)]


@pytest.mark.parametrize("name", ["password", "new_password", "current_password", "code", "challenge", "uri"])
def test_a_secret_is_never_written_into_a_page(name: str) -> None:
    assert kept_of(request("/account/password", [*TYPED, (name, "x")])) is None


@pytest.mark.parametrize("pairs", [None, [], [("_key", "5f0c"), ("version", "7"), ("next", "/tickets")], [("title", "  ")]])
def test_a_form_in_which_nobody_typed_anything_is_not_worth_keeping(pairs: list[tuple[str, str]] | None) -> None:
    assert kept_of(request("/notifications/1/read", pairs)) is None


def test_more_than_anybody_types_is_not_kept() -> None:
    assert kept_of(request("/tickets/new", [("body", "x" * 300_001)])) is None


@given(st.lists(st.tuples(st.from_regex("[a-z_]{1,12}", fullmatch=True), st.text(max_size=40)), max_size=6))
def test_what_is_folded_into_the_sign_in_form_comes_out_of_it(pairs: list[tuple[str, str]]) -> None:
    kept = Kept("/tickets/new", tuple(pairs))
    found = unfold(Form([("email", "anna@example.org"), *kept.folded]))
    assert found in (kept, None)
    if found is None:
        assert kept_of(request("/tickets/new", pairs)) is None


@pytest.mark.parametrize(
    "action", ["", "https://evil.example/x", "//evil.example", "/\\evil", "/tickets/new?x=1", "javascript:alert(1)", "/a b"]
)
def test_a_kept_form_goes_to_an_address_of_the_desk_or_nowhere(action: str) -> None:
    assert unfold(Form([(ACTION, action), ("_then.title", "No light")])) is None
