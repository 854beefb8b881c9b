"""An escalation policy as a form has it, half-typed rows included, and as the API takes it. Pure."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

from web.forms import Form
from web.refusals import sentence

DAYS = {"mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday"}
UNITS = {"m": "minutes", "h": "hours", "d": "days", "s": "seconds"}
NOTIFY = {"assignee": "the assignee, or the admins when there is none", "admins": "all admins"}
MOST_LEVELS, MOST_SPANS, MOST_HOLIDAYS = 10, 12, 1_000
"""As many as the API takes."""
_ROWS = 30
"""Holidays that have a field each; more are a text with a line each."""
_NAMED = 3
T = TypeVar("T")
AFTER = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ACTION = re.compile(r"(add|drop)-(level|span|holiday)(?: ([a-z]{3}))?(?: ([0-9]{1,3}))?", re.ASCII)

_NO_POLICY = "This is no policy: it has levels with after and notify, and perhaps when and calendar."

Errors = dict[str, str]
"""What is wrong, by the place in the policy: `levels.0.after`, `calendar.hours.mon.1`; "" for what has no field."""


@dataclass(frozen=True, slots=True)
class LevelDraft:
    number: str = ""
    unit: str = "h"
    notify: str = "assignee"


Span = tuple[str, str]
"""From and to, as time fields have them; a `to` of midnight is the end of the day."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is typed. `base` is the policy that the form was made from, as text; "" for a new one."""

    name: str = ""
    levels: tuple[LevelDraft, ...] = (LevelDraft("4", "h"),)
    priorities: tuple[str, ...] = ()
    assigned: str = ""
    working: bool = False
    zone: str = "UTC"
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    holidays: tuple[str, ...] = ()
    base: str = ""

    @classmethod
    def of(cls, policy: Mapping[str, Any], zone: str) -> "Draft":
        """Return the form of a policy of the API; `zone` is the one to begin with where there is no calendar."""
        calendar = policy.get("calendar")
        when = policy.get("when") or {}
        assigned = when.get("assigned")
        hours = calendar["hours"] if calendar else {}
        return cls(
            name=policy["name"],
            levels=tuple(_level(level) for level in policy["levels"]),
            priorities=tuple(when.get("priority") or ()),
            assigned="" if assigned is None else "true" if assigned else "false",
            working=calendar is not None,
            zone=calendar["zone"] if calendar else zone,
            spans={day: tuple(_span(text) for text in hours.get(day, ())) for day in DAYS},
            holidays=tuple(calendar.get("holidays", ())) if calendar else (),
            base=fixed(policy),
        )

    @classmethod
    def read(cls, form: Form) -> "Draft":
        """Return what a form sent."""
        levels = zip(form.all("after"), form.all("unit"), form.all("notify"), strict=False)
        return cls(
            name=form.get("name", "").strip(),
            levels=tuple(LevelDraft(number.strip(), unit, notify) for number, unit, notify in levels),
            priorities=tuple(form.all("priority")),
            assigned=form.get("assigned", ""),
            working=form.get("counts") == "working",
            zone=form.get("zone", "UTC").strip(),
            spans={day: tuple(zip(form.all(f"from_{day}"), form.all(f"to_{day}"), strict=False)) for day in DAYS},
            holidays=(*form.all("holiday"), *form.get("holidays", "").split()),
            base=form.get("base", ""),
        )

    def from_json(self, text: str) -> "Draft":
        """Return the form with what a policy in JSON says; its own name and beginning stay. Raises ValueError with a sentence."""
        found: Draft | None = None
        with suppress(KeyError, TypeError, AttributeError, RecursionError):
            policy = _parsed(text)
            found = Draft.of({**policy, "name": self.name or str(policy.get("name", ""))}, self.zone)
        if found is None or not found.sound():
            raise ValueError(_NO_POLICY)
        return replace(found, base=self.base)

    @property
    def listed(self) -> bool:
        """Whether the holidays are too many for a field each."""
        return len(self.holidays) > _ROWS

    def sound(self) -> bool:
        """Return whether it is made of texts, and not of whatever else there is in JSON."""
        words = (*self.priorities, *self.holidays, self.zone, *(level.notify for level in self.levels))
        return all(isinstance(word, str) for word in words) and 1 <= len(self.levels) <= MOST_LEVELS

    def to_json(self) -> str:
        """Return the policy as JSON to be edited."""
        policy, _ = self.policy()
        return json.dumps({name: policy[name] for name in ("levels", "when", "calendar")}, indent=2, ensure_ascii=False)

    def act(self, action: str) -> "Draft":
        """Return the form with a row more or less: `add-level`, `drop-level 1`, `add-span mon`, `drop-span mon 0`, `add-holiday`, …

        `like-monday` gives Monday's hours to every day up to Friday.
        """
        if action == "like-monday":
            return replace(self, spans={**self.spans, **{day: self.spans.get("mon", ()) for day in ("tue", "wed", "thu", "fri")}})
        found = _ACTION.fullmatch(action)
        if found is None:
            return self
        what, day, step = found[2], found[3] or "", (found[1], int(found[4] or 0))
        if what == "level":
            return replace(self, levels=_moved(self.levels, step, LevelDraft(), most=MOST_LEVELS, least=1))
        if what == "holiday":
            return replace(self, holidays=_moved(self.holidays, step, "", most=MOST_HOLIDAYS))
        if day not in DAYS:
            return self
        return replace(self, spans={**self.spans, day: _moved(self.spans.get(day, ()), step, ("", ""), most=MOST_SPANS)})

    def policy(self) -> tuple[dict[str, Any], Errors]:
        """Return the policy as the API takes it, and what is only half typed. Rows that are empty are none."""
        errors: Errors = {}
        levels = [{"after": f"{level.number.lstrip('0')}{level.unit}", "notify": level.notify} for level in self.levels]
        when: dict[str, Any] = {}
        if self.priorities:
            when["priority"] = list(self.priorities)
        if self.assigned in ("true", "false"):
            when["assigned"] = self.assigned == "true"
        calendar = {"zone": self.zone, "hours": self._hours(errors), "holidays": self._free(errors)}
        return {"name": self.name, "levels": levels, "when": when, "calendar": calendar if self.working else None}, errors

    def _free(self, errors: Errors) -> list[str]:
        days = sorted({day for day in self.holidays if day})
        wrong = {index: day for index, day in enumerate(self.holidays) if day and not _is_date(day)} if self.working else {}
        if wrong and self.listed:
            named = ", ".join(f"“{day[:20]}”" for day in list(wrong.values())[:_NAMED])
            errors["calendar.holidays"] = f"Write each as 2026-12-25. Not so: {named}{' and others' if len(wrong) > _NAMED else ''}."
        elif wrong:
            errors.update({f"calendar.holidays.{index}": "Write it as 2026-12-25." for index in wrong})
        elif self.working and len(days) > MOST_HOLIDAYS:
            errors["calendar.holidays"] = (
                f"There can be {MOST_HOLIDAYS:,} holidays, and these are {len(days):,}. Leave out those that are over."
            )
        return days

    def _hours(self, errors: Errors) -> dict[str, list[str]]:
        hours: dict[str, list[str]] = {}
        for day, spans in self.spans.items():
            hours[day] = []
            for index, (begin, end) in enumerate(spans):
                if begin and end:
                    hours[day].append(f"{begin[:5]}-{'24:00' if end[:5] == '00:00' else end[:5]}")
                elif (begin or end) and self.working:
                    errors[f"calendar.hours.{day}.{index}"] = "A span has a beginning and an end."
        return hours


def _moved(rows: tuple[T, ...], action: tuple[str, int], empty: T, *, most: int, least: int = 0) -> tuple[T, ...]:
    verb, index = action
    if verb == "add":
        return (*rows, empty) if len(rows) < most else rows
    return rows[:index] + rows[index + 1 :] if len(rows) > least else rows


def _parsed(text: str) -> Any:
    """Return what a text in JSON says. Raises ValueError with a sentence, also for what no page could show."""
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"This is no JSON: {error.msg}, in line {error.lineno}.") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, half of a surrogate pair, a nest of brackets
        raise ValueError(_NO_POLICY) from None
    return found


def _is_date(text: str) -> bool:
    try:
        return _DATE.fullmatch(text) is not None and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _level(level: Mapping[str, str]) -> LevelDraft:
    found = AFTER.fullmatch(level["after"])
    return LevelDraft(found[1], found[2], level["notify"]) if found else LevelDraft(notify=level["notify"])


def _span(text: str) -> Span:
    begin, _, end = text.partition("-")
    return begin, "00:00" if end == "24:00" else end


def fixed(policy: Mapping[str, Any]) -> str:
    """Return a policy as text that is the same for the same policy."""
    return json.dumps(policy, sort_keys=True, ensure_ascii=True)


def errors_of(facts: Mapping[str, Any], prefix: int) -> Errors:
    """Return the errors of a refusal by their place in the policy; the first `prefix` parts of each place lead to it."""
    found: Errors = {}
    for error in facts.get("errors") or ():
        place = ".".join(str(part) for part in list(error.get("loc", ()))[prefix:])
        found.setdefault(place, sentence(str(error.get("msg", ""))))
    return found
