"""What was published stays readable: logs are for ever."""

import pytest

from events.catalogue import Catalogue, type_of
from events.contracts import CATALOGUE
from events.upcasts import UPCASTS
from tests.contract.snapshot import described, published, today

VERSIONS = [(name, version) for name, versions in published().items() for version in versions]


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_a_published_version_is_what_it_was_or_can_be_brought_up_to_today(name: str, version: str) -> None:
    kind = CATALOGUE.find(name)
    assert kind is not None, "A published type was removed. Its events are in logs: keep the class."
    if kind.version == int(version):
        assert described(kind) == published()[name][version], "Its fields changed: that is a new version, with an upcast from this one."
    else:
        assert int(version) < kind.version, "The version went back."
        assert (name, int(version)) in UPCASTS, "Events of this version are in logs and can no longer be read."


def test_every_type_of_today_was_published() -> None:
    missing = [(name, version) for name, versions in today().items() for version in versions if (name, version) not in VERSIONS]
    assert missing == [], "Run `python -m tests.contract.snapshot` and commit what it writes."


def test_an_audit_word_stands_for_one_type_and_is_the_types_name() -> None:
    words = {kind.name: kind.action for kind in CATALOGUE if kind.action is not None}
    assert words == {name: name.replace(".", "_") for name in words}


def test_every_ticket_event_carries_its_requester_and_assignee() -> None:
    kinds = [kind for kind in CATALOGUE if kind.name.startswith("ticket.")]
    assert len(kinds) >= 8
    assert all({"requester", "assignee"} <= set(kind.data_fields) for kind in kinds)


def test_nothing_personal_can_be_required() -> None:
    """An erased event must still be made: every personal field is None when it is gone."""
    for kind in CATALOGUE:
        facts = dict.fromkeys(kind.data_fields)
        event = Catalogue([kind.cls]).decode(kind.name, kind.version, facts, None)
        assert type_of(event) is kind
        assert all(getattr(event, name) is None for name in kind.personal_fields)
