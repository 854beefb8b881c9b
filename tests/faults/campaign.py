"""A campaign: every place of every service, then the world's faults, then blind deaths.

The logs are judged after each of them, and each session as a whole at its end.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from chassis.settings import SERVICES
from tests.faults import blind
from tests.faults.evidence import Evidence
from tests.faults.failfile import Place, places
from tests.faults.invariants.effects import numbers_of
from tests.faults.report import Report
from tests.faults.rounds import Round, Rounds, in_turn
from tests.faults.session import Session
from tests.faults.world import FAULTS, LONG, Fault, lacking, on_disks

Show = Callable[[str], None]
BIRTH = "store.migrating"
"""A store is migrated once: a service dies there when its desk is started for the first time."""
_WORLDS_SLACK = 60.0
"""Seconds that an escalation may be late while the world breaks: when exactly something was down, only the fault itself knows."""
_EVERY = 3
"""Rounds from which on blind deaths leave out no call, and the world's faults that take their time have their turn."""


@dataclass(kw_only=True)
class Campaign:
    """`only` is a part of the names of the places to hit, "" for all; `show` is told what happens, a line at a time."""

    report: Report
    results: Path
    rounds: int = 1
    only: str = ""
    show: Show = print
    _sessions: int = field(default=0)

    def run(self) -> None:
        """Run all of it; what comes of it is in the report."""
        began = time.monotonic()
        for _ in range(self.rounds):
            for born_dying, chunk in self._chunks():
                self._hit(born_dying, chunk)
            self._break_the_world()
        self._die_blindly()
        self.report.seconds = time.monotonic() - began

    def _wanted(self, name: str) -> bool:
        return self.only in name

    def _chunks(self) -> Iterator[tuple[Place | None, list[Place]]]:
        """Yield the places of one session each, with the one where a service of its desk dies at its birth."""
        wanted = [place for place in places() if self._wanted(str(place))]
        births = [place for place in wanted if place.point == BIRTH]
        others = in_turn(place for place in wanted if place.point != BIRTH)
        count = max(len(births), 1 if others else 0)
        size = -(-len(others) // count) if count else 0
        for number in range(count):
            yield births[number] if births else None, others[number * size : (number + 1) * size]

    @contextmanager
    def _session(self, what: str, *, disks: bool = False, **options: object) -> Iterator[Session]:
        """Run a session in a place of its own, with `disks` on disks of its own, where there can be some."""
        self._sessions += 1
        name = f"{self._sessions:02d}-{what}"
        directory = Path(tempfile.mkdtemp(prefix="ste-faults-"))
        history = self.results / f"{name}.jsonl"
        try:
            seed = self.report.seed + self._sessions - 1
            session = Session(directory, seed=seed, history=history, **options)  # type: ignore[arg-type]
            with on_disks(session.desk) if disks else nullcontext(), session:
                yield session
        except Exception as error:  # noqa: BLE001 -- a desk that cannot even be judged is a finding, and the others go on
            what = f"session {self._sessions} fell apart: {type(error).__name__}: {error}"
            self.report.violations.append(what)
            self.show(what)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            self.report.histories.append(history.name)

    def _judge(self, session: Session, rounds: Sequence[Round]) -> None:
        seen: list[Evidence] = []
        verdict = session.finish(seen.append)
        told = session.history.told()
        self.report.add_rounds(rounds, told.operations, verdict)
        self.report.add_verdict(f"session {self._sessions}", verdict, told.counts(), numbers_of(seen[0]))
        self.show(f"session {self._sessions}: {verdict}")

    def _hit(self, born_dying: Place | None, chunk: Sequence[Place]) -> None:
        with self._session("points", born_dying=born_dying) as session:
            born = [Round(place=born_dying, armed_at=session.began_at)] if born_dying else []
            for one in born:
                one.hit_at, one.ready_after, one.answered_after = session.died_at, session.born_after, session.born_after
                one.trouble = None if one.hit_at else "never reached: the desk came up without it"
                one.judge()
                self._tell(one)
            session.load.go_on(30)
            rounds = Rounds(session, overlap=False, on_round=self._tell)
            rounds.run(chunk)
            self._judge(session, [*born, *rounds.done])

    def _die_blindly(self) -> None:
        wanted = [(service, kind) for service in SERVICES for kind in blind.CALLS if self._wanted(f"{service} strace {kind}")]
        if not wanted:
            return
        if reason := blind.lacking():
            self.report.skipped.append(f"blind deaths: {reason}")
            return
        with self._session("blind") as session:
            commands, rounds = blind.Commands(session), list[Round]()
            for service, kind in wanted:
                sweep = blind.Sweep(session, commands, service, kind)
                sweep.run(every=self.rounds >= _EVERY, on_round=self._tell)
                rounds += sweep.rounds
            self._judge(session, rounds)

    def _break_the_world(self) -> None:
        known = [*FAULTS, *(LONG if self.rounds >= _EVERY else ())]
        wanted = [fault for fault in known if self._wanted(f"world {fault.name}")]
        if not wanted:
            return
        with self._session("world", disks=True, slack=_WORLDS_SLACK) as session:
            rounds: list[Round] = []
            for fault in wanted:
                if reason := lacking(fault, session.desk):
                    self.report.skipped.append(reason)
                else:
                    rounds.append(self._break(session, fault))
            self._judge(session, rounds)

    def _break(self, session: Session, fault: Fault) -> Round:
        one = Round(place=Place(fault.name, "world"), armed_at=time.time())
        try:
            one.ready_after = one.answered_after = fault.run(session.desk, session.load)
        except AssertionError as late:
            one.trouble = str(late)
        session.history.note(type="nemesis", place=str(one.place), armed_at=one.armed_at)
        one.trouble = one.trouble or session.trouble()
        self._tell(one)
        return one

    def _tell(self, one: Round) -> None:
        told = [f"back after {one.recovery:5.2f} s"] if one.recovery is not None else []
        self.show(f"  {one.place!s:34} {'; '.join([*told, *filter(None, [one.trouble])]) or 'dead'}")
