"""What a simulation says would have happened is what happens: the engine, by hand-made histories and beside the live escalator."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalator.calendars import WEEKDAYS, Calendar
from escalator.engine import Effect, Phase, effects, follow
from escalator.policies import Change, Policies
from escalator.policy import Condition, Level, Policy
from events.contracts.ticket import TicketEscalated
from events.times import to_text
from tests.unit.escalator.model import HOUR, START, World

OFFICE = Calendar.of({"zone": "Europe/Berlin", "hours": {day: ["09:00-12:00", "13:00-17:00"] for day in WEEKDAYS[:5]}, "holidays": []})
NIGHT = Calendar.of({"zone": "UTC", "hours": {"mon": ["22:00-06:00"], "tue": ["12:00-14:00"]}, "holidays": ["2026-11-30"]})
POOL = [
    Policy(name="default", levels=(Level(after="24h"),)),
    Policy(name="urgent", levels=(Level(after="1h"), Level(after="2h", notify="admins")), when=Condition(priority=("urgent",))),
    Policy(name="nobodys", levels=(Level(after="1h"),), when=Condition(assigned=False)),
    Policy(name="default", levels=(Level(after="2h", notify="admins"), Level(after="30h"), Level(after="7d"))),
    Policy(name="office", levels=(Level(after="90m"), Level(after="16h")), calendar=OFFICE),
    Policy(name="office", levels=(Level(after="4h"),), when=Condition(assigned=False), calendar=NIGHT),
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["open", "in_progress", "resolved", "open", "priority", "assign", "note", "policies", "wait"]),
        st.integers(0, 127),
        st.sampled_from([0, 1, 30, 60, 61, 300, 1440, 4000]),
    ),
    max_size=25,
)
"""What is done, which of its kind, and how many minutes after the one before."""


def live(first: int, steps: Sequence[tuple[str, int, int]]) -> World:
    """Let the real cores of both services live through it; the clock stops wherever something is due, as the timer does."""
    world = World()
    world.escalator.change([POOL[0], POOL[1]], START - HOUR, apply_to_past=True)
    world.tickets.create(START, priority=("normal", "urgent")[first], imported=False)
    for what, number, minutes in steps:
        if minutes:
            world.calm_down()
            go_on(world, world.now + timedelta(minutes=minutes))
        take(world, what, number)
    world.calm_down()
    go_on(world, world.now + 400 * HOUR)
    return world


def go_on(world: World, until: datetime) -> None:
    """Let the time pass, up to a moment and without what is due at it."""
    while True:
        coming = [each.due_at for each in world.escalator.deadlines.values() if each.ready and each.due_at < until]
        if not coming:
            break
        world.now = min(coming)
        world.calm_down()
    world.now = until


def take(world: World, what: str, number: int) -> None:
    tickets, now = world.tickets, world.now
    if what in ("open", "in_progress", "resolved"):
        if what != tickets.status:
            tickets.to_status(what, now)
    elif what == "priority" and (priority := ("normal", "urgent")[number % 2]) != tickets.priority:
        tickets.to_priority(priority, now)
    elif what == "assign" and (assignee := (None, "a", "b")[number % 3]) != tickets.assignee:
        tickets.to_assignee(assignee, now)
    elif what == "note":
        tickets.note(now)
    elif what == "policies":
        chosen = {policy.name: policy for bit, policy in enumerate(POOL) if number >> bit & 1}
        world.escalator.change(list(chosen.values()), now, apply_to_past=number >= 64)


def phases_of(world: World) -> list[Phase]:
    found: list[Phase] = []
    for said in world.tickets.log:
        phase = follow(found[-1] if found else None, said.event, said.at)
        assert phase is not None
        if not found or phase != found[-1]:
            found.append(phase)
    return found


def told(world: World) -> list[tuple[str, int, str, str, str, str | None]]:
    """The facts, as tickets wrote them."""
    facts = [(said.event, said.at) for said in world.tickets.log if isinstance(said.event, TicketEscalated)]
    return sorted((event.policy, event.level, event.due_at, to_text(at), event.notify, event.assignee) for event, at in facts)


def foretold(world: World) -> list[tuple[str, int, str, str, str, str | None]]:
    """The same, as the engine says of the history and the policies alone."""
    found = [effect for effect in effects(phases_of(world), world.escalator.policies) if effect.at < world.now]
    return sorted((each.policy, each.level, to_text(each.due_at), to_text(each.at), each.notify, each.assignee) for each in found)


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 1), STEPS)
def test_what_is_simulated_is_what_happens(first: int, steps: list[tuple[str, int, int]]) -> None:
    world = live(first, steps)
    assert foretold(world) == told(world)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 1), STEPS, st.integers(0, 30))
def test_what_takes_effect_does_not_depend_on_what_comes_after_it(first: int, steps: list[tuple[str, int, int]], length: int) -> None:
    """A simulation of a history that is known up to a moment says of the time before it what a later one says."""
    world = live(first, steps)
    phases = phases_of(world)
    known = phases[: 1 + length]
    end = phases[1 + length].since if len(phases) > 1 + length else world.now
    short, whole = ([each for each in effects(some, world.escalator.policies) if each.at < end] for some in (known, phases))
    assert short == whole


def phase(hours: float, status: str = "open", priority: str = "normal", assignee: str | None = None) -> Phase:
    return Phase(since=START + hours * HOUR, status=status, priority=priority, assignee=assignee)


def always(*policies: Policy) -> Policies:
    return Policies.always(policies)


def moments(found: Sequence[Effect]) -> list[tuple[str, int, float]]:
    return [(each.policy, each.level, (each.at - START) / HOUR) for each in found]


DAY = POOL[0]
STAIRS = Policy(name="stairs", levels=(Level(after="1h"), Level(after="3h", notify="admins")))
URGENT = Policy(name="vip", levels=(Level(after="1h"),), when=Condition(priority=("urgent",), assigned=False))


@pytest.mark.parametrize(
    ("phases", "policy", "expected"),
    [
        ([phase(0)], DAY, [("default", 1, 24)]),
        ([phase(0), phase(24, "resolved")], DAY, []),  # open for 24 hours, and not for more
        ([phase(0), phase(24.01, "resolved")], DAY, [("default", 1, 24)]),
        ([phase(0), phase(1, "resolved"), phase(30, "open")], DAY, [("default", 1, 30)]),  # due long since when it is opened again
        ([phase(0), phase(1, "resolved"), phase(5, "open")], DAY, [("default", 1, 24)]),
        ([phase(0), phase(30, "resolved"), phase(40, "open"), phase(50, "resolved"), phase(60)], DAY, [("default", 1, 24)]),  # once, ever
        ([phase(0), phase(1, "in_progress"), phase(30, "resolved")], DAY, []),
        ([phase(0), phase(2, "resolved"), phase(4)], STAIRS, [("stairs", 1, 1), ("stairs", 2, 4)]),
        ([phase(0), phase(0.5, "resolved"), phase(9)], STAIRS, [("stairs", 1, 9), ("stairs", 2, 9)]),
        ([phase(0), phase(5, priority="urgent")], URGENT, [("vip", 1, 5)]),
        ([phase(0), phase(5, priority="urgent", assignee="a"), phase(6, priority="urgent")], URGENT, [("vip", 1, 6)]),
        ([phase(0), phase(5, priority="urgent", assignee="a")], URGENT, []),
        ([phase(0), phase(30, "open"), phase(30, "resolved")], DAY, [("default", 1, 24)]),
        ([phase(0, "in_progress"), phase(30, "open"), phase(30, "resolved")], DAY, []),  # it was open for no time at all
    ],
)
def test_a_level_takes_effect_once_at_the_first_moment_that_is_due_open_and_meant(
    phases: list[Phase], policy: Policy, expected: list[tuple[str, int, float]]
) -> None:
    assert moments(effects(phases, always(policy))) == expected


def test_an_effect_tells_how_the_ticket_then_was_and_who_hears() -> None:
    history = [phase(0), phase(2, priority="high", assignee="ada"), phase(4, priority="low", assignee="ben")]
    first, second = effects(history, always(Policy(name="p", levels=(Level(after="3h", notify="admins"), Level(after="5h")))))
    assert (first.priority, first.assignee, first.notify) == ("high", "ada", "admins")
    assert (second.priority, second.assignee, second.notify) == ("low", "ben", "assignee")


def test_a_policy_that_comes_later_applies_from_then_on() -> None:
    come = Change(version=2, at=START + 5 * HOUR, apply_to_past=True, policy=STAIRS)
    gone = Change(version=3, at=START + 6 * HOUR, apply_to_past=False, policy=None)
    policies = Policies().after("stairs", come).after("stairs", gone)
    assert moments(effects([phase(0)], policies)) == [("stairs", 1, 5), ("stairs", 2, 5)]
    assert moments(effects([phase(0), phase(1, "in_progress"), phase(6)], policies)) == []


def test_working_time_counts_from_a_creation_in_the_night() -> None:
    friday_evening = Phase(since=datetime.fromisoformat("2026-11-27T19:00:00Z"), status="open", priority="low", assignee=None)
    (effect,) = effects([friday_evening], always(Policy(name="p", levels=(Level(after="4h"),), calendar=OFFICE)))
    assert to_text(effect.at) == "2026-11-30T13:00:00.000000Z"  # Monday, three hours and, after the break, one: 14:00 in Berlin
