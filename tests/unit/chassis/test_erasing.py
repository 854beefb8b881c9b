"""What every service says and does about erasures, without a store."""

from types import SimpleNamespace
from typing import Any

import pytest

from chassis.erasing import LONG_S, _measured, _nameless, reasons


def test_an_erasure_is_named_once_it_takes_long_with_what_holds_it_up() -> None:
    live: Any = SimpleNamespace(eraser=SimpleNamespace(trouble=None))
    assert reasons(live, {"erasures_oldest_seconds": LONG_S - 1}) == []
    assert reasons(live, {"erasures_oldest_seconds": 600.0}) == ["An erasure has been under way for 10 minutes. It goes on."]
    live.eraser.trouble = "The broker is not connected."
    assert reasons(live, {"erasures_oldest_seconds": 600.0}) == [
        "An erasure has been under way for 10 minutes. The broker is not connected."
    ]


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ({"id": "anna", "name": "Anna", "email": "a@b"}, {"id": "anna", "name": None, "email": None}),
        ({"id": "anna", "role": "user"}, {"id": "anna", "role": "user"}),
        ({"id": "ben", "name": "Ben"}, {"id": "ben", "name": "Ben"}),
        ({"id": 42, "requester": {"id": "anna", "name": "Anna"}}, {"id": 42, "requester": {"id": "anna", "name": None}}),
        ({"items": [{"id": "anna", "name": "Anna"}, 7, None, "Anna"]}, {"items": [{"id": "anna", "name": None}, 7, None, "Anna"]}),
    ],
)
def test_a_name_goes_wherever_it_stands_beside_the_id(value: Any, left: Any) -> None:
    assert _nameless(value, "anna") == left


def test_a_kept_answer_that_became_shorter_says_so() -> None:
    assert _measured('[["content-type", "application/json"], ["content-length", "215"]]', 170) == (
        '[["content-type", "application/json"], ["content-length", "170"]]'
    )
