"""What the entries of the audit are called."""

DEEDS = {
    "ticket_created": "opened a ticket",
    "ticket_edited": "edited the text of a ticket",
    "ticket_status_changed": "changed the status of a ticket",
    "ticket_priority_changed": "changed the priority of a ticket",
    "ticket_assigned": "assigned a ticket",
    "ticket_unassigned": "took a ticket from its assignee",
    "ticket_note_added": "added a note",
    "ticket_escalated": "escalated a ticket",
    "user_registered": "opened an account",
    "user_logged_in": "signed in",
    "user_logged_out": "signed out",
    "user_session_ended": "ended a session",
    "user_login_failed": "refused a sign-in",
    "user_password_changed": "changed a password",
    "user_role_changed": "changed a role",
    "user_deactivated": "deactivated a person",
    "user_reactivated": "activated a person again",
    "user_erased": "erased a person",
    "user_two_factor_enabled": "turned two-factor sign-in on",
    "user_two_factor_disabled": "turned two-factor sign-in off",
    "user_recovery_code_used": "used a recovery code",
    "user_recovery_codes_renewed": "made new recovery codes",
    "token_created": "made an API token",
    "token_revoked": "revoked an API token",
    "escalation_policy_changed": "changed an escalation policy",
    "job_retried": "retried a job",
    "event_retried": "retried a parked event",
    "event_skipped": "gave a parked event up",
    "event_skip_explained": "said why a parked event was given up",
    "relay_refilled": "had the relay refilled",
    "projection_rebuilt": "mended derived tables",
    "audit_read": "read the audit",
    "ledger_verified": "verified the ledger",
    "store_restored": "restored a store",
    "witness_resolved": "resolved a witness's alarm",
    "desk_copied": "took a copy of the desk",
    "history_imported": "imported history",
    "webhook_changed": "changed a webhook",
}
"""By action, what somebody did, after their name."""

ENTITIES = {
    "ticket": "Ticket",
    "user": "Person",
    "login": "Unknown sign-in",
    "policy": "Escalation policy",
    "job": "Job",
    "store": "Store",
    "webhook": "Webhook",
}

FIELDS = {
    "number": "Number",
    "title": "Title",
    "body": "Text",
    "status": "Status",
    "priority": "Priority",
    "requester": "Requester",
    "assignee": "Assignee",
    "note": "Note",
    "level": "Level",
    "policy": "Policy",
    "policy_version": "Version of the policies",
    "due_at": "Was due",
    "escalated_at": "Escalated",
    "notify": "Who hears",
    "session": "Session",
    "address": "Address",
    "agent": "Browser",
    "role": "Role",
    "name": "Name",
    "email": "E-mail",
    "may_sign_in": "May sign in",
    "reason": "Reason",
    "expires_at": "Expires",
    "scopes": "May do",
    "token": "Token",
    "ok": "All well",
    "stores": "Store",
    "filter": "Asked for",
    "after": "After",
    "levels": "Level",
    "when": "Only when",
    "calendar": "Calendar",
    "hours": "Hours",
    "holidays": "Holidays",
    "zone": "Time zone",
}
"""By the name of a field; others are shown with their own."""

_SYSTEMS = {
    "operator": "the operator",
    "auth": "the desk (auth)",
    "tickets": "the desk (tickets)",
    "notifier": "the desk (notifier)",
    "escalator": "the desk (escalator)",
}


def deed(action: str) -> str:
    """Return what an action is called; one that is newer than this page, by its own name in words."""
    return DEEDS.get(action) or action.replace("_", " ")


def label(path: tuple[str, ...]) -> str:
    """Return what the field at a path is called."""
    return ": ".join(FIELDS.get(part) or part.replace("_", " ") for part in path) or "Value"


def system(id_: str) -> str:
    """Return what a part of the desk, or its operator, is called."""
    return _SYSTEMS.get(id_, f"the desk ({id_})")
