"""How the set of policies changes."""

from datetime import UTC, datetime

import pytest

from escalator.commands import BeginPolicies, ChangePolicies
from escalator.decider import begin_policies, change_policies, evolve
from escalator.policies import Policies
from escalator.policy import Condition, Level, Policy
from events.errors import Invalid, Stale

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DEFAULT = Policy(name="default", levels=(Level(after="24h"),))
VIP = Policy(name="vip", levels=(Level(after="1h", notify="admins"),), when=Condition(priority=("urgent",)))


def changed(policies: Policies, command: ChangePolicies) -> Policies:
    for name, event in change_policies(command, policies).items():
        policies = evolve(policies, name, event, NOON)
    return policies


def test_the_shipped_policy_is_version_1_and_comes_once_ever() -> None:
    events = begin_policies(BeginPolicies(after="24h"), Policies())
    event = events["default"]
    assert (event.version, event.before, event.after, event.apply_to_past) == (1, None, DEFAULT.to_data(), True)
    without = changed(evolve(Policies(), "default", event, NOON), ChangePolicies(policies=[]))
    assert without.current == ()
    assert begin_policies(BeginPolicies(after="1h"), without) == {}


def test_a_shipped_age_that_is_none_is_refused() -> None:
    with pytest.raises(Invalid):
        begin_policies(BeginPolicies(after="tomorrow"), Policies())


def test_one_event_per_policy_that_changes_and_all_bear_the_sets_new_version() -> None:
    policies = changed(Policies(), ChangePolicies(policies=[DEFAULT, VIP]))
    events = change_policies(ChangePolicies(policies=[VIP, Policy(name="night", levels=(Level(after="8h"),))]), policies)
    assert {name: (event.before is None, event.after is None) for name, event in events.items()} == {
        "default": (False, True),
        "night": (True, False),
    }
    assert {event.version for event in events.values()} == {2}


def test_the_same_set_in_another_order_is_no_event() -> None:
    policies = changed(Policies(), ChangePolicies(policies=[DEFAULT, VIP]))
    assert change_policies(ChangePolicies(policies=[VIP, DEFAULT], apply_to_past=True), policies) == {}


def test_an_expected_version_that_has_passed_is_stale_even_when_nothing_would_change() -> None:
    policies = changed(Policies(), ChangePolicies(policies=[DEFAULT]))
    with pytest.raises(Stale) as refused:
        change_policies(ChangePolicies(policies=[DEFAULT], expected=0), policies)
    assert refused.value.facts == {"current_version": 1}


def test_what_was_changed_is_what_is_there() -> None:
    policies = changed(Policies(), ChangePolicies(policies=[VIP, DEFAULT]))
    assert policies.current == (DEFAULT, VIP)
    assert policies.version == 1
