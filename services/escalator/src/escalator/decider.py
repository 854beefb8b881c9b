"""How the escalation policies change. Pure: the set as it is now in, events out."""

from datetime import datetime

from escalator.commands import BeginPolicies, ChangePolicies
from escalator.policies import Change, Policies
from escalator.policy import Level, Policy, check
from events.contracts.escalation import EscalationPolicyChanged
from events.errors import Stale

Changes = dict[str, EscalationPolicyChanged]
"""One event per policy that changes, by its name."""


def change_policies(command: ChangePolicies, policies: Policies) -> Changes:
    """Return what changes; nothing when the set is already so. Raises Stale or Invalid."""
    if command.expected is not None and command.expected != policies.version:
        raise Stale(policies.version)
    check(command.policies)
    before = {policy.name: policy.to_data() for policy in policies.current}
    after = {policy.name: policy.to_data() for policy in command.policies}
    return {
        name: EscalationPolicyChanged(
            version=policies.version + 1, apply_to_past=command.apply_to_past, before=before.get(name), after=after.get(name)
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def begin_policies(command: BeginPolicies, policies: Policies) -> Changes:
    """Return the shipped policy as version 1, or nothing when there ever was one. It applies to the tickets that are older than it."""
    if policies.version:
        return {}
    shipped = Policy(name="default", levels=(Level(after=command.after),))
    return change_policies(ChangePolicies(policies=[shipped], apply_to_past=True), policies)


def evolve(policies: Policies, name: str, event: EscalationPolicyChanged, at: datetime) -> Policies:
    """Return the set after an event of the stream `policy/<name>`."""
    policy = Policy.of(event.after) if event.after is not None else None
    change = Change(version=event.version, at=at, apply_to_past=event.apply_to_past, policy=policy)
    return policies.after(name, change)
