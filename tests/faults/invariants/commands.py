"""I1, I2, I3, I12: what clients were told against what is there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.faults.evidence import CHECKERS, Event, Evidence
from tests.faults.history import Operation, Told, Wanted
from tests.faults.invariants.findings import Finding


def acknowledged_is_there_once(evidence: Evidence) -> list[Finding]:
    """I1: every acknowledged command led to its event, and to that one; marks of reading are what they were set to."""
    found: list[Finding] = []
    for operations, events in _groups(evidence.history, _fresh(evidence)):
        done = [operation for operation in operations if operation.outcome == "ok"]
        if done and not events:
            found.append(Finding("I1", f"{done[0]} was acknowledged and left no event.", "lost", done[0].ended))
        wanted = operations[0].wanted
        assert wanted is not None
        found += [
            Finding("I1", f"{operations[0]} led to {event}, which is not what it asked for: {event.facts}", "lost", operations[0].ended)
            for event in events
            if not is_wanted(event, wanted)
        ]
    return found + list(_forgotten_marks(evidence))


def nothing_happened_unasked(evidence: Evidence) -> list[Finding]:
    """I2: no command happened twice, whatever became of its answer; what was refused did not happen; no event is a stranger's."""
    found: list[Finding] = []
    fresh = _fresh(evidence)
    for operations, events in _groups(evidence.history, fresh):
        if len(events) > operations[0].most:
            found.append(Finding("I2", f"{operations[0]} happened {len(events)} times: {_listed(events)}", "doubled", operations[0].ended))
        if events and all(operation.outcome == "fail" for operation in operations):
            found.append(Finding("I2", f"{operations[0]} was refused and led to {events[0]}.", "doubled", operations[0].ended))
    known = {operation.trace for operation in evidence.history.operations if operation.wanted is not None} | {CHECKERS}
    for event in fresh:
        by_us = event.trace is None and event.type == "user.logged_in"  # the harness signs in as anybody does
        if event.head["actorkind"] != "system" and event.trace not in known and not by_us:
            found.append(Finding("I2", f"Nobody asked for {event} of {event.head['actorid']}.", "doubled"))
    return found + list(_both_won(evidence.history))


def same_key_same_answer(evidence: Evidence) -> list[Finding]:
    """I3: whoever asks with the same key is told the same, byte by byte."""
    answers: dict[str, set[tuple[int | None, str]]] = defaultdict(set)
    last: dict[str, Operation] = {}
    for operation in evidence.history.operations:
        if operation.key is not None and operation.outcome == "ok":
            answers[operation.group].add((operation.status, operation.answer))
            last[operation.group] = operation
    return [
        Finding("I3", f"{last[group]} was answered in {len(told)} ways: {sorted(map(str, told))}", "doubled", last[group].ended)
        for group, told in answers.items()
        if len(told) > 1
    ]


def readers_see_what_is_there(evidence: Evidence) -> list[Finding]:
    """I12: what clients observed at once, and that a live listener, however often cut off, was told everything once and in order."""
    found = [Finding(*_split(what)) for what in evidence.history.observed]
    for name, heard in evidence.history.heard.items():
        told = [note["id"] for note in reversed(evidence.inboxes.get(name, []))]
        if heard == told:
            continue
        missing, extra = [id_ for id_ in told if id_ not in heard], len(heard) - len(set(heard))
        what = f"{name} heard {len(heard)} of {len(told)} notifications live; missing: {missing[:5]}, twice: {extra}."
        found.append(Finding("I12", what, "lost" if missing else "doubled" if extra else "wrong"))
    return found


def is_wanted(event: Event, wanted: Wanted) -> bool:
    """Whether an event is what an operation asked for."""
    return event.type in wanted.types and contains(event.facts, wanted.facts)


def contains(there: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is there, however deep."""
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        return all(name in there and contains(there[name], value) for name, value in wanted.items())
    return bool(there == wanted)


def _fresh(evidence: Evidence) -> list[Event]:
    return [event for event in evidence.events() if event.sequence > evidence.baseline[event.source.strip("/")]]


def _groups(history: Told, fresh: Iterable[Event]) -> Iterator[tuple[list[Operation], list[Event]]]:
    """Yield what is one command, however often and by how many hands it was sent, with the events that bear its trace."""
    by_trace: dict[str | None, list[Event]] = defaultdict(list)
    for event in fresh:
        by_trace[event.trace].append(event)
    groups: dict[str, list[Operation]] = defaultdict(list)
    for operation in history.operations:
        if operation.wanted is not None:
            groups[operation.group].append(operation)
    for operations in groups.values():
        yield operations, [event for operation in operations for event in by_trace[operation.trace] if event.head["actorkind"] != "system"]


def _both_won(history: Told) -> Iterator[Finding]:
    """Yield the changes of which two were acknowledged though they named the same version of the same ticket."""
    winners: dict[tuple[str, int], Operation] = {}
    for operation in history.operations:
        if operation.expected is None or operation.outcome != "ok":
            continue
        entity = "/".join(operation.path.split("/")[:4])
        if (other := winners.setdefault((entity, operation.expected), operation)) is not operation:
            yield Finding("I2", f"Both {other} and {operation} changed version {operation.expected}.", "lost", operation.ended)


def _forgotten_marks(evidence: Evidence) -> Iterator[Finding]:
    """Yield the notifications that are not as their reader, who does one thing after the other, last left them."""
    for name, inbox in evidence.inboxes.items():
        mine = [
            operation for operation in evidence.history.operations if operation.process == name and operation.kind in ("mark", "read all")
        ]
        wanted: dict[str, tuple[bool, Operation]] = {}
        late = set[str]()
        for operation in mine:
            if operation.kind == "read all":
                known = operation.outcome == "ok"
                # one of unknown outcome leaves what was read as it was, and of the rest nothing is known
                wanted = {id_: (True, operation if known else by) for id_, (read, by) in wanted.items() if known or read}
            elif operation.outcome == "ok":
                wanted[operation.path.split("/")[3]] = (operation.method == "PUT", operation)
            if operation.kind == "mark" and operation.most > 1:
                late.add(operation.path.split("/")[3])
        is_read = {note["id"]: note["read_at"] is not None for note in inbox}
        for id_, (should, operation) in wanted.items():
            if is_read.get(id_) != should and id_ not in late:
                yield Finding("I1", f"{operation} was acknowledged, and the notification {id_} is not so.", "lost", operation.ended)


def _listed(events: Iterable[Event]) -> str:
    return "; ".join(map(str, events))


def _split(observed: str) -> tuple[str, str]:
    name, _, what = observed.partition(": ")
    return (name, what) if name in ("I12", "Liveness") else ("I12", observed)
