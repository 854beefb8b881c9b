"""What the escalator decides. Owned by escalator; subjects `ticket/<number>` and `policy/<name>`."""

from typing import Any

from events.catalogue import event


@event("escalation.due")
class EscalationDue:
    """A deadline is asked for: tickets decides on its own state whether it takes effect. `level` counts from 1.

    `notify` is "assignee" (or else the admins) or "admins"; `when` is the level's condition:
    {"priority": […], "assigned": bool}, each optional.
    """

    ticket: int
    policy: str
    policy_version: int
    level: int
    due_at: str
    when: dict[str, Any]
    notify: str


@event("escalation.policy_changed", action="escalation_policy_changed")
class EscalationPolicyChanged:
    """`before` and `after` are the whole policy, or None where it does not exist; `version` is that of the whole set of policies."""

    version: int
    apply_to_past: bool
    before: dict[str, Any] | None
    after: dict[str, Any] | None
