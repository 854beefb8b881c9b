"""Make a small incident log of the form of the real one, with its traps: unknown values, padded names, rows of one minute."""

import csv
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

COLUMNS = [
    "number",
    "incident_state",
    "active",
    "reassignment_count",
    "reopen_count",
    "sys_mod_count",
    "made_sla",
    "caller_id",
    "opened_by",
    "opened_at",
    "sys_created_by",
    "sys_created_at",
    "sys_updated_by",
    "sys_updated_at",
    "contact_type",
    "location",
    "category",
    "subcategory",
    "u_symptom",
    "cmdb_ci",
    "impact",
    "urgency",
    "priority",
    "assignment_group",
    "assigned_to",
    "knowledge",
    "u_priority_confirmation",
    "notify",
    "problem_id",
    "rfc",
    "vendor",
    "caused_by",
    "closed_code",
    "resolved_by",
    "resolved_at",
    "closed_at",
]
_WORKING = ("Active", "Awaiting User Info", "Awaiting Problem", "Awaiting Vendor", "Awaiting Evidence")
_PRIORITIES = ("1 - Critical", "2 - High", "3 - Moderate", "4 - Low")
_START = datetime(2016, 2, 29, 1, 16)  # noqa: DTZ001 (as in the real log, which names no zone)


def write_log(path: Path, *, incidents: int = 12, people: int = 3, seed: int = 1) -> None:
    """Write a log of so many incidents with so many callers, resolvers and updaters each."""
    dice = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="?")
        writer.writeheader()
        for number in range(1, incidents + 1):
            writer.writerows(_incident(dice, f"INC{number:07}", people))


def _incident(dice: random.Random, number: str, people: int) -> Iterator[dict[str, str]]:
    states = ["New"] * dice.randint(0, 2) + dice.choices(_WORKING, k=dice.randint(0, 4)) + ["Resolved"]
    if dice.random() < 0.3:
        states += ["New" if dice.random() < 0.3 else "Active", "Resolved"]
    if dice.random() < 0.8:
        states += ["Closed"]
    opened = at = _START + timedelta(minutes=dice.randint(0, 5_000))
    caller, priority, assigned = f"Caller {dice.randint(1, people)}", dice.choice(_PRIORITIES), "?"
    for count, state in enumerate(states):
        at += timedelta(minutes=dice.choice((0, 0, 1, 7, 600)))
        if dice.random() < 0.4:
            assigned = dice.choice(["?", *(f"Resolver {person}" for person in range(1, people + 1))])
        if dice.random() < 0.1:
            priority = dice.choice(_PRIORITIES)
        yield {
            "number": number,
            "incident_state": state,
            "active": "FALSE" if state == "Closed" else "TRUE",
            "sys_mod_count": str(count or dice.randint(0, 9)),  # it does not always rise
            "caller_id": caller,
            "opened_by": f"Opened by  {dice.randint(1, 9)}",
            "opened_at": f"{opened:%d-%m-%Y %H:%M}",
            "sys_updated_by": f"Updated by {dice.randint(1, people)}",
            "sys_updated_at": f"{at:%d-%m-%Y %H:%M}",
            "contact_type": "Phone",
            "location": f"Location {dice.randint(1, 5)}",
            "category": f"Category {dice.randint(1, 5)}",
            "subcategory": f"Subcategory {dice.randint(1, 9)}",
            "u_symptom": dice.choice(("?", "Symptom 4")),
            "priority": priority,
            "assigned_to": assigned,
            "notify": "Do Not Notify",
        }
