"""What `ste simulate` shows of an answer that is longer than a screen."""

from typing import Any

import pytest

from deploy.commands.simulate import _show

NOTHING: dict[str, Any] = {"tickets": [], "only_new": [], "only_current": [], "only_new_total": 0, "only_current_total": 0}


def answer(people: int) -> dict[str, Any]:
    """A simulation in which that many people would have heard of a ticket each."""
    both = {"total": 1, "current": 1}
    return {
        **NOTHING,
        "policy": "default",
        "compared_with": ["default"],
        "since": "2016-02-29T00:00:00.000000Z",
        "until": "2016-05-01T00:00:00.000000Z",
        "total": people,
        "current_total": people,
        "by_day": [{"day": "2016-03-01", "total": people, "current": people}],
        "by_priority": {"normal": both},
        "by_level": [{"level": 1, **both}],
        "by_person": [{"id": f"person-{number}", **both} for number in range(people)],
    }


@pytest.mark.parametrize(
    ("people", "heading"), [(20, "By person: with it, and today\n"), (21, "today; the first 20 of 21, --json has all\n")]
)
def test_people_who_are_not_shown_are_told_of(people: int, heading: str, capsys: pytest.CaptureFixture[str]) -> None:
    _show(answer(people), {})
    said = capsys.readouterr().out
    assert heading in said
    assert "person-19" in said
    assert "person-20" not in said
