"""Rounds: a place is armed under load, hit, and the desk comes back by itself; how long that takes is measured."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from deploy.refusal import Refusal
from tests.faults.check import Verdict
from tests.faults.desk import heads, unpark
from tests.faults.failfile import Place
from tests.faults.session import Session
from tests.support.waiting import eventually

WITHIN = 10.0
"""Seconds within which a service must be back."""
_HIT_WITHIN = 60.0
_ARRIVALS = 4
"""A place that is reached all the time is hit at one of its first arrivals after it was armed."""
_SOURCES = {"tickets": ("auth", "escalator"), "notifier": ("auth", "tickets"), "escalator": ("tickets",)}
_BACKLOG = 40
"""Events that a log has before a refill publishes them in an atomic batch."""


@dataclass(kw_only=True)
class Round:
    """One hit, or the failure to get one. Times are seconds since the epoch, durations seconds."""

    place: Place
    armed_at: float
    hit_at: float | None = None
    ready_after: float | None = None
    answered_after: float | None = None
    trouble: str | None = None
    """What was wrong: the place was never reached, the service was not back in time, or something was found as soon as it was."""

    @property
    def recovery(self) -> float | None:
        """Until the service was ready and somebody had got an answer of it."""
        if self.ready_after is None or self.answered_after is None:
            return None
        return max(self.ready_after, self.answered_after)

    def judge(self) -> None:
        """Find trouble in a recovery that never came, or came too late."""
        if self.trouble is not None:
            return
        if self.recovery is None:
            self.trouble = "nobody was answered any more"
        elif self.recovery > WITHIN:
            self.trouble = f"came back only after {self.recovery:.1f} s"


class Rounds:
    """Rounds on one session, one place after the other.

    With `overlap` another service may already be hit while one comes back; without, what shows is judged after each round.
    """

    def __init__(self, session: Session, *, overlap: bool, on_round: Callable[[Round], None] = lambda _: None) -> None:
        self.done: list[Round] = []
        self._session, self._desk, self._on_round = session, session.desk, on_round
        self._overlap = overlap
        self._dice = random.Random(f"{session.history.seed} rounds")
        self._watchers = ThreadPoolExecutor(8, thread_name_prefix="recovery")
        self._returning: dict[str, Future[None]] = {}
        self._looker = session.desk.client("admina")
        self._lock = threading.Lock()

    def run(self, places: Iterable[Place]) -> None:
        """Hit every place once."""
        try:
            for place in places:
                self._hit(place)
            for service in list(self._returning):
                self.wait_for(service)
        finally:
            self._desk.fail.withdraw()
            self._watchers.shutdown()

    def glance(self) -> Verdict:
        """Judge what shows while everybody is at work; waits until all services are back."""
        for service in list(self._returning):
            self.wait_for(service)
        return self._session.glance()

    def _hit(self, place: Place) -> None:
        self.wait_for(place.service)
        one = Round(place=place, armed_at=time.time())
        self.done.append(one)
        try:
            _provoke(place)(self, place)
            one.hit_at = eventually(self._desk.fail.when_hit, within=_HIT_WITHIN, what=f"the end of {place}")
        except AssertionError as never:
            one.trouble = f"never reached: {never}"
            self._desk.fail.withdraw()
            self._on_round(one)
            return
        finally:
            _undo(place)(self, place)
        self._session.history.note(type="nemesis", place=str(place), hit_at=one.hit_at)
        self._returning[place.service] = self._watchers.submit(self._come_back, one)
        if not self._overlap:
            self._returning[place.service].result()

    def wait_for(self, service: str) -> None:
        """Return when a service is back from its last round."""
        if returning := self._returning.get(service):
            returning.result()

    def _come_back(self, one: Round) -> None:
        hit_at = one.hit_at
        assert hit_at is not None
        # what makes a service arrive at other places may have kept it from its work before
        down_since = hit_at if _is_reached_at_work(one.place) else one.armed_at
        try:
            one.ready_after = self._desk.ready_since(one.place.service, hit_at)
            one.answered_after = self._desk.answering_since(one.place.service, hit_at, self._looker)
            if one.place.point.startswith("parking."):
                unpark(self._desk, one.place.service)
        except AssertionError as late:
            one.trouble = f"did not come back: {late}"
        with self._lock:
            self._session.outages.append((down_since, time.time()))
        one.judge()
        if not self._overlap and one.recovery is not None:
            one.trouble = one.trouble or self._session.trouble()
        with self._lock:
            self._on_round(one)

    # what it takes to arrive at a place

    def under_load(self, place: Place) -> None:
        """Most places are arrived at by everybody's work."""
        self._desk.fail.arm(place, self._dice.randint(1, _ARRIVALS))

    def soon(self, place: Place) -> None:
        """Places that are not arrived at often: the first arrival counts."""
        self._desk.fail.arm(place)

    def stopping(self, place: Place) -> None:
        """Tell the service to stop; it dies on its way."""
        self._desk.fail.arm(place)
        self._desk.kill(place.service, signal.SIGTERM)

    def refilling(self, place: Place) -> None:
        """Have the service's own stream deleted and filled again."""
        self._desk.fail.arm(place)
        self.refill(place.service)

    def refilling_much(self, place: Place) -> None:
        """The same, once there is enough for an atomic batch."""
        eventually(lambda: heads(self._desk)[place.service] >= _BACKLOG, within=90, what=f"{_BACKLOG} events of {place.service}")
        self.refilling(place)

    def refilling_another(self, place: Place) -> None:
        """Have a stream deleted that the service consumes: its place in it goes with it."""
        source = self._dice.choice(_SOURCES[place.service])
        self.wait_for(source)
        self._desk.fail.arm(place)
        self.refill(source)

    def poisoned(self, place: Place) -> None:
        """Let the store refuse what is to be written for some tickets."""
        self._desk.fail.arm(place)
        self._desk.sabotage(place.service, _POISON[place.service])

    def cured(self, place: Place) -> None:
        """Take the poison away."""
        self._desk.sabotage(place.service, "DROP TRIGGER IF EXISTS poison")

    def outdated(self, place: Place) -> None:
        """Let what consumers fill look as if it were of an older form: the next start makes it anew."""
        source = {"notifier": "auth", "escalator": "tickets"}[place.service]
        self.wait_for(source)
        self._desk.fail.arm(place)
        self._desk.sabotage(place.service, f"UPDATE projections SET version = 0 WHERE name = 'from /{source}'")
        self._desk.kill(place.service)

    def refill(self, service: str) -> None:
        # whoever dies of it gives no answer
        with suppress(Refusal), self._desk.operator() as operator:
            operator.post(service, "/internal/relay/refill", timeout=10.0)

    def nothing(self, place: Place) -> None:
        """Nothing is to be undone."""


_POISON = {
    service: f"CREATE TRIGGER poison BEFORE INSERT ON {some} BEGIN SELECT RAISE(ABORT, 'poison'); END"
    for service, some in {
        "tickets": "events WHEN NEW.type = 'ticket.escalated'",
        "notifier": "notifications WHEN NEW.kind <> 'ticket.escalated'",  # a job tells those, and would be tried again only after a while
        "escalator": "ticket_copies WHEN NEW.number % 3 = 0",
    }.items()
}
_HOW: Sequence[tuple[str, Callable[[Rounds, Place], None]]] = (
    ("drain.", Rounds.stopping),
    ("stream.", Rounds.refilling),
    ("relay.half", Rounds.refilling_much),
    ("durable.", Rounds.refilling_another),
    ("parking.", Rounds.poisoned),
    ("rebuild.", Rounds.outdated),
    ("worker.", Rounds.soon),
    ("fanout.", Rounds.soon),
    ("timer.", Rounds.soon),
    ("relay.", Rounds.soon),
    ("", Rounds.under_load),
)


def _provoke(place: Place) -> Callable[[Rounds, Place], None]:
    return next(how for start, how in _HOW if place.point.startswith(start))


def _is_reached_at_work(place: Place) -> bool:
    """Whether nothing but everybody's work is needed to arrive there."""
    return _provoke(place) in (Rounds.under_load, Rounds.soon)


def _undo(place: Place) -> Callable[[Rounds, Place], None]:
    return Rounds.cured if place.point.startswith("parking.") else Rounds.nothing


def in_turn(places: Iterable[Place]) -> list[Place]:
    """Return the places so that each service has as long as can be to come back before it is hit again."""
    waiting: dict[str, list[Place]] = {}
    for place in places:
        waiting.setdefault(place.service, []).append(place)
    ordered: list[Place] = []
    while any(waiting.values()):
        most = sorted((name for name in waiting if waiting[name]), key=lambda name: -len(waiting[name]))
        ordered += [waiting[name].pop(0) for name in most]
    return ordered
