"""Whom a ticket can be given to, as a choice."""

from web.people import ANOTHER, Admins

ADA, BEN = {"id": "a", "name": "Ada"}, {"id": "b", "name": "Ben"}


def test_those_who_stand_first_stand_there_once() -> None:
    choices = Admins([ADA, BEN], more=False).choices(("b", "Me"))
    assert choices == [("", "Nobody"), ("b", "Me"), ("a", "Ada")]


def test_one_who_is_not_offered_can_be_asked_for_where_there_are_more() -> None:
    assert Admins([ADA], more=True).choices() == [("", "Nobody"), ("a", "Ada"), (ANOTHER, "Somebody else…")]
