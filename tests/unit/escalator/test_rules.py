"""Once per ticket, policy and level, ever, at the first moment from the deadline on at which the ticket is open and the condition holds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from escalator.policies import term
from escalator.policy import Condition, Level, Policy
from events.contracts.ticket import TicketStatusChanged
from events.times import from_text
from tests.unit.escalator.model import HOUR, START, World

DAY = Policy(name="default", levels=(Level(after="24h"),))
URGENT = Policy(name="urgent", levels=(Level(after="1h"), Level(after="2h", notify="admins")), when=Condition(priority=("urgent",)))
NOBODYS = Policy(name="nobodys", levels=(Level(after="1h"),), when=Condition(assigned=False))
POLICIES = [DAY, URGENT, NOBODYS, Policy(name="default", levels=(Level(after="2h"), Level(after="30h")))]

Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["status", "priority", "assign", "note", "wait", "policies", "hear", "hear", "tell", "tick", "tick", "calm"]),
        st.integers(0, 15),
    ),
    max_size=40,
)


def take(world: World, step: Step) -> None:
    """Do one thing; the number says which of its kind."""
    what, number = step
    if what in ("status", "priority", "assign", "note"):
        handle(world, what, number)
    elif what == "wait":
        world.now += number * HOUR / 2
    elif what == "policies":
        chosen = {policy.name: policy for bit, policy in enumerate(POLICIES) if number >> bit & 1}
        world.escalator.change(list(chosen.values()), world.now, apply_to_past=number % 5 == 0)
    elif what == "tick":
        world.escalator.tick(world.now)
    else:
        {"hear": world.hear, "tell": world.tell, "calm": world.calm_down}[what]()


def handle(world: World, what: str, number: int) -> None:
    """Do what people do with a ticket; equal values are no event."""
    tickets, now = world.tickets, world.now
    if what == "status" and (status := ("open", "in_progress", "resolved")[number % 3]) != tickets.status:
        tickets.to_status(status, now)
    elif what == "priority" and (priority := ("normal", "urgent")[number % 2]) != tickets.priority:
        tickets.to_priority(priority, now)
    elif what == "assign" and (assignee := (None, "a", "b")[number % 3]) != tickets.assignee:
        tickets.to_assignee(assignee, now)
    elif what == "note":
        tickets.note(now)


def begun(number: int) -> World:
    world = World()
    world.escalator.change([DAY, URGENT], START - HOUR, apply_to_past=True)
    world.tickets.create(START, priority=("normal", "urgent")[number % 2], imported=number % 7 == 6)
    return world


def effects(world: World) -> list[tuple[str, int]]:
    return [(said.event.policy, said.event.level) for said in world.escalations]


def owed(world: World) -> set[tuple[str, int]]:
    """What the ticket must have been escalated for by now, told from the policies and the ticket as tickets has it."""
    tickets, policies = world.tickets, world.escalator.policies
    opened = [said for said in tickets.log if said.version == 1 or getattr(said.event, "after", {}) == {"status": "open"}]
    if tickets.status != "open" or opened[-1].imported:
        return set()
    return {
        (policy.name, number)
        for policy in policies.current
        for number in range(1, len(policy.levels) + 1)
        if policy.when.holds(priority=tickets.priority, assigned=tickets.assignee is not None)
        and (due := term(START, policies.changes[policy.name], number)) is not None
        and not due.gone
        and due.due_at <= world.now
    }


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 20), STEPS)
def test_whatever_comes_late_a_level_takes_effect_once_and_never_early(start: int, steps: list[Step]) -> None:
    world = begun(start)
    for step in steps:
        take(world, step)
    world.calm_down()
    assert len(effects(world)) == len(set(effects(world)))
    assert all(from_text(due.event.due_at) <= due.at for due in world.escalator.log)
    assert all(from_text(said.event.due_at) <= said.at for said in world.escalations)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 20), STEPS)
def test_once_everything_has_arrived_nothing_is_owed(start: int, steps: list[Step]) -> None:
    world = begun(start)
    for step in steps:
        take(world, step)
    world.calm_down()
    assert owed(world) <= set(effects(world))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 20), STEPS)
def test_when_nothing_lags_it_happens_at_the_very_moment_and_not_otherwise(start: int, steps: list[Step]) -> None:
    world = begun(start)
    world.calm_down()
    for step in steps:
        done = set(effects(world))
        take(world, step)
        world.calm_down()
        assert set(effects(world)) == done | owed(world)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 20), STEPS)
def test_reading_the_ticket_again_gives_the_same_deadlines_and_asks_for_nothing(start: int, steps: list[Step]) -> None:
    world = begun(start)
    for step in steps:
        take(world, step)
    live = world.escalator
    rebuilt = live.rebuilt(world.tickets.log[: world.heard])
    assert (rebuilt.copy, rebuilt.deadlines) == (live.copy, live.deadlines)
    assert rebuilt.log == live.log


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 20), STEPS)
def test_while_a_deadline_is_asked_it_is_not_asked_again(start: int, steps: list[Step]) -> None:
    world = begun(start)
    for step in steps:
        asked_before = {key for key, deadline in world.escalator.deadlines.items() if deadline.state in ("asked", "fired")}
        length = len(world.escalator.log)
        take(world, step if step[0] != "calm" else ("tick", 0))
        if step[0] in ("tick", "calm"):
            again = {(due.event.policy, due.event.level) for due in world.escalator.log[length:]}
            assert not again & {(key.policy, key.level) for key in asked_before}


def state(world: World, policy: str = "default", level: int = 1) -> tuple[str, str]:
    deadline = next(d for key, d in world.escalator.deadlines.items() if (key.policy, key.level) == (policy, level))
    return deadline.state, deadline.shown


def later(world: World, hours: float) -> World:
    world.now += hours * HOUR
    return world


def test_a_ticket_that_nobody_takes_for_a_day_escalates_at_its_deadline() -> None:
    world = begun(0)
    world.calm_down()
    assert state(world) == ("waiting", "pending")
    later(world, 23.9).calm_down()
    assert effects(world) == []
    later(world, 30).calm_down()
    assert effects(world) == [("default", 1)]
    assert from_text(world.escalations[0].event.due_at) == START + 24 * HOUR  # not when a timer noticed
    assert state(world) == ("fired", "fired")


def test_a_ticket_at_work_escalates_when_it_is_open_again() -> None:
    world = begun(0)
    world.tickets.to_status("in_progress", world.now)
    later(world, 48).calm_down()
    assert effects(world) == []
    world.tickets.to_status("open", later(world, 1).now)
    world.calm_down()
    assert effects(world) == [("default", 1)]


def test_a_ticket_that_was_escalated_is_not_escalated_again_when_it_is_opened_again() -> None:
    world = begun(0)
    later(world, 25).calm_down()
    for status in ("resolved", "open"):
        world.tickets.to_status(status, world.now)
    later(world, 100).calm_down()
    assert effects(world) == [("default", 1)]


def test_a_resolved_tickets_deadline_is_shown_as_cancelled_and_comes_back_with_it() -> None:
    world = begun(0)
    world.tickets.to_status("resolved", world.now)
    world.calm_down()
    assert state(world) == ("waiting", "cancelled")
    world.tickets.to_status("open", world.now)
    world.calm_down()
    assert state(world) == ("waiting", "pending")


def test_an_imported_ticket_escalates_only_after_a_live_event_opened_it_again() -> None:
    world = begun(6)
    later(world, 48).calm_down()
    assert effects(world) == []
    for status in ("in_progress", "open"):
        world.tickets.to_status(status, world.now)
    world.calm_down()
    assert ("default", 1) in effects(world)


def test_a_ticket_that_an_import_opened_again_waits_for_a_live_event_too() -> None:
    world = begun(0)
    world.tickets.to_status("resolved", START + HOUR)
    change = {"before": {"status": "resolved"}, "after": {"status": "open"}}
    world.tickets.status = "open"
    world.tickets.say(TicketStatusChanged(requester="u", assignee=None, **change), START + 2 * HOUR, imported=True)
    world.now += 30 * HOUR
    world.calm_down()
    assert world.escalator.log == []
    world.tickets.to_status("in_progress", world.now)
    world.tickets.to_status("open", world.now)
    world.calm_down()
    assert effects(world) == [("default", 1)]


def test_an_ask_that_tickets_refused_is_repeated_when_it_holds_again() -> None:
    world = begun(0)
    world.hear()
    later(world, 25).escalator.tick(world.now)
    assert state(world) == ("asked", "pending")
    world.tickets.to_status("in_progress", world.now)
    world.tell()
    assert effects(world) == []
    world.hear()
    assert state(world) == ("waiting", "pending")
    world.tickets.to_status("open", world.now)
    world.calm_down()
    assert effects(world) == [("default", 1)]
    assert len(world.escalator.log) == 2


def test_an_ask_under_an_older_condition_is_not_stuck_when_the_condition_changes() -> None:
    world = begun(1)
    world.hear()
    later(world, 1.5).escalator.tick(world.now)
    assert state(world, "urgent") == ("asked", "pending")
    world.tickets.to_priority("normal", world.now)
    wider = Policy(name="urgent", levels=URGENT.levels, when=Condition(priority=("normal", "urgent")))
    world.escalator.change([DAY, wider], world.now, apply_to_past=False)
    world.tell()  # refused: the ask still names the old condition
    world.hear()
    world.calm_down()
    assert ("urgent", 1) in effects(world)


def test_a_deadline_whose_policy_is_gone_is_cancelled_and_an_escalation_that_was_under_way_still_counts() -> None:
    world = begun(0)
    world.hear()
    later(world, 25).escalator.tick(world.now)
    world.escalator.change([], world.now, apply_to_past=False)
    assert state(world) == ("cancelled", "cancelled")
    world.calm_down()
    assert state(world) == ("fired", "fired")


def test_an_ask_from_before_a_policy_went_is_forgotten_when_it_comes_back_also_when_read_again() -> None:
    world = begun(0)
    world.hear()
    later(world, 25).escalator.tick(world.now)
    world.escalator.change([], world.now, apply_to_past=False)
    world.escalator.change([DAY], world.now, apply_to_past=True)
    assert state(world) == ("waiting", "pending")
    assert world.escalator.rebuilt(world.tickets.log).deadlines == world.escalator.deadlines
    world.calm_down()
    assert effects(world) == [("default", 1)]


def test_a_ticket_that_has_two_levels_behind_it_escalates_for_both_at_once() -> None:
    world = begun(1)
    later(world, 48).calm_down()
    assert sorted(effects(world)) == [("default", 1), ("urgent", 1), ("urgent", 2)]


def test_events_of_a_ticket_whose_creation_is_not_known_are_passed_over() -> None:
    world = World()
    world.escalator.change([DAY], START, apply_to_past=True)
    world.tickets.to_status("open", START)
    world.hear()
    assert world.escalator.copy is None
    assert world.escalator.deadlines == {}
