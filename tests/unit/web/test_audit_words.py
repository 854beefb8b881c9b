"""Every entry that there can be has words."""

import importlib
import pkgutil
from collections.abc import Iterator

import events.contracts
from events.catalogue import EventType
from web.audit_words import DEEDS, FIELDS, deed, label, system


def types() -> Iterator[EventType]:
    """Yield every event type of the published contracts."""
    for module in pkgutil.iter_modules(events.contracts.__path__):
        for thing in vars(importlib.import_module(f"events.contracts.{module.name}")).values():
            found = getattr(thing, "event_type", None)
            if isinstance(found, EventType):
                yield found


def test_every_action_that_is_listed_has_a_phrase_of_its_own() -> None:
    actions = {each.action for each in types() if each.action is not None}
    assert actions
    assert actions <= set(DEEDS)


def test_no_word_stands_for_an_action_that_there_is_not() -> None:
    assert set(DEEDS) <= {each.action for each in types()}


def test_a_field_without_a_word_is_shown_by_its_name() -> None:
    assert label(("levels", "2", "after")) == f"{FIELDS['levels']}: 2: {FIELDS['after']}"
    assert label(("something_new",)) == "something new"
    assert deed("ticket_put_to_sleep") == "ticket put to sleep"


def test_a_part_of_the_desk_is_no_person() -> None:
    assert system("operator") == "the operator"
    assert system("crier") == "the desk (crier)"
