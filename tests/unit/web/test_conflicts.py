"""An edit that meets another."""

from hypothesis import given
from hypothesis import strategies as st

from web.conflicts import FIELDS, merge

WORDS = st.sampled_from(["a", "b", "c"])
TEXTS = st.fixed_dictionaries({"title": WORDS, "body": WORDS})


def texts(title: str, body: str) -> dict[str, str]:
    return {"title": title, "body": body}


def test_a_field_that_only_one_side_has_changed_is_that_sides() -> None:
    found = merge(texts("Printer", "It burns."), texts("Printer", "It smokes."), texts("Printer, floor 2", "It smokes."))
    assert found.clashes == ()
    assert found.changes == {"body": "It burns."}
    assert found.mine == texts("Printer, floor 2", "It burns.")


def test_a_field_that_both_have_changed_is_for_a_person_to_choose() -> None:
    found = merge(texts("Printer", "It burns."), texts("Printer", "It smokes."), texts("Printer", "It is out."))
    assert found.clashes == ("body",)


def test_both_saying_the_same_is_no_clash_and_no_change() -> None:
    found = merge(texts("Printer", " It burns.\n"), texts("Printer", "It smokes."), texts("Printer", "It burns."))
    assert (found.clashes, found.changes) == ((), {})


def test_without_what_it_was_made_from_whatever_differs_is_a_clash() -> None:
    assert merge(texts("a", "b"), None, texts("a", "c")).clashes == ("body",)


@given(mine=TEXTS, base=TEXTS, now=TEXTS)
def test_nothing_of_anybodys_is_lost_unseen(mine: dict[str, str], base: dict[str, str], now: dict[str, str]) -> None:
    found = merge(mine, base, now)
    for name in FIELDS:
        if now[name] != base[name] and name not in found.clashes:
            assert found.mine[name] == now[name]  # theirs stays
        if mine[name] != base[name]:
            assert found.mine[name] == mine[name]  # and mine is said
    assert found.changes == {name: found.mine[name] for name in FIELDS if found.mine[name] != now[name]}
