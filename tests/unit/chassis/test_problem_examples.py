"""What the documents show of a problem."""

from typing import Any

import pytest

from chassis.problems import MEDIA_TYPE, PROBLEMS, declare, responses


@pytest.fixture
def slug(monkeypatch: pytest.MonkeyPatch) -> str:
    """Declare a problem with a member of its own, for as long as the test runs."""
    monkeypatch.setattr("chassis.problems.PROBLEMS", dict(PROBLEMS))
    monkeypatch.setattr("chassis.problems._MEMBERS", {})
    return declare("of-a-test", 401, "A test needs more", challenge="x")


def example(slug: str) -> Any:
    return responses(slug)[401]["content"][MEDIA_TYPE]["examples"][slug]["value"]


def test_an_example_has_the_members_that_its_problem_has_beside_those_of_all(slug: str) -> None:
    assert example(slug)["challenge"] == "x"
    assert {"type", "title", "status", "detail", "instance"} < example(slug).keys()
    assert "challenge" not in example("not-signed-in")


def test_a_slug_has_one_meaning(slug: str) -> None:
    assert declare(slug, 401, "A test needs more") == slug
    with pytest.raises(ValueError, match="means something else already"):
        declare(slug, 403, "A test needs more")
