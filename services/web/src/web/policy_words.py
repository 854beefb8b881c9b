"""What an escalation policy does, in sentences. Pure."""

from collections.abc import Mapping
from typing import Any

from web.policy_form import AFTER, DAYS, NOTIFY, UNITS


def told(policy: Mapping[str, Any]) -> list[str]:
    """Return what a policy does, a sentence each."""
    found = [f"After {lasts(level['after'])}, tell {NOTIFY.get(level['notify'], level['notify'])}." for level in policy["levels"]]
    when = policy.get("when") or {}
    if when.get("priority"):
        found.append(f"Only tickets of priority {' or '.join(when['priority'])}.")
    if when.get("assigned") is not None:
        found.append("Only tickets that somebody has." if when["assigned"] else "Only tickets that nobody has.")
    if calendar := policy.get("calendar"):
        found.append(f"Only working time counts, in {calendar['zone']}: {_week(calendar['hours'])}.")
        if free := len(calendar.get("holidays", ())):
            found.append(f"{free} holiday{'' if free == 1 else 's'}.")
    return found


def lasts(after: str) -> str:
    """Return "4 hours" of "4h"."""
    found = AFTER.fullmatch(after)
    if found is None:
        return after
    unit = UNITS[found[2]]
    return f"{int(found[1]):,} {unit[:-1] if int(found[1]) == 1 else unit}"


def _week(hours: Mapping[str, list[str]]) -> str:
    """Return the hours of a week, with days that follow each other and are alike taken together: "Mon-Thu 09:00-17:30, Fri 09:00-12:00"."""
    runs: list[tuple[list[str], list[str]]] = []
    for day in DAYS:
        spans = list(hours.get(day, ()))
        if runs and runs[-1][1] == spans:
            runs[-1][0].append(day)
        else:
            runs.append(([day], spans))
    named = [
        f"{days[0].title() if len(days) == 1 else f'{days[0].title()}-{days[-1].title()}'} {' and '.join(spans)}"
        for days, spans in runs
        if spans
    ]
    return ", ".join(named) or "never"
