"""One desk, people at work on it, and the check at the end: what every kind of fault is put into."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from chassis.settings import SERVICES
from tests.faults.check import CHEAP, RUNNING, STOPPED, Verdict, check
from tests.faults.desk import CrashDesk, heads, settle
from tests.faults.evidence import SLACK, Event, Evidence, collect, copied, read_feed
from tests.faults.failfile import Place
from tests.faults.history import History, Told
from tests.faults.load import ADMINS, CUSTOMERS, Load


class Session:
    """`with Session(directory, seed=1) as session:` is a desk at work. `finish` ends the work, then the desk, and judges both."""

    def __init__(
        self,
        directory: Path,
        *,
        seed: int = 1,
        pace: float = 1.0,
        slack: float = SLACK,
        history: Path | None = None,
        environment: Mapping[str, str] | None = None,
        born_dying: Place | None = None,
    ) -> None:
        """`slack`: by how many seconds an escalation may be late, outages aside. `born_dying`: where a service dies at its first start."""
        self.directory = directory
        self.desk = CrashDesk(directory / "desk", environment=environment)
        self.began_at = time.time()
        self.died_at: float | None = None
        """When the service died that was born dying, and after how many seconds the desk was ready all the same."""
        self.born_after: float | None = None
        self.history = History(history or directory / "history.jsonl", seed=seed)
        self.outages: list[tuple[float, float]] = []
        self.baseline: Mapping[str, int] = {}
        self._pace, self._slack, self._born_dying = pace, slack, born_dying
        self._feeds: dict[str, list[Event]] = {name: [] for name in SERVICES}
        self._anchors: list[tuple[str, int, str]] = []
        self._load: Load | None = None

    def __enter__(self) -> Self:
        try:
            if self._born_dying is not None:
                self.desk.directory.mkdir(parents=True)
                self.desk.fail.arm(self._born_dying)
            self.desk.start()
            self.desk.wait_until_ready()
            self.died_at = self.desk.fail.when_hit()
            self.born_after = time.time() - self.died_at if self.died_at else None
            self.desk.fail.withdraw()
            self.baseline = heads(self.desk)
        except BaseException:
            self.history.close()
            self.desk.end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.desk.fail.withdraw()
        try:
            if self._load is not None:
                self._load.__exit__(kind, error, trace)
        finally:
            self.desk.end()
            self.history.close()

    @property
    def load(self) -> Load:
        """The people at work; they begin when they are first asked for."""
        if self._load is None:
            self._load = Load(self.desk, self.history, pace=self._pace)
            self._load.__enter__()
        return self._load

    def rest(self) -> None:
        """Let the people end what they have begun, and the desk do all that follows from it."""
        if self._load is not None:
            load, self._load = self._load, None
            load.__exit__(None, None, None)
            settle(self.desk)
            load.listener.turn()
        else:
            settle(self.desk)

    def glance(self) -> Verdict:
        """Judge what the feeds show, with the people at work: every service must be up. What is seen is what must be there at the end."""
        before = self.history.told()
        with self.desk.operator() as operator:
            for name, feed in self._feeds.items():
                feed.extend(read_feed(operator, name, after=len(feed)))
        self._anchors += [(name, feed[-1].sequence, feed[-1].hash) for name, feed in self._feeds.items() if feed]
        known = {operation.trace for operation in before.operations}
        since = [replace(operation, outcome="info") for operation in self.history.told().operations if operation.trace not in known]
        told = Told(operations=[*before.operations, *since])
        return check(Evidence(history=told, baseline=self.baseline, feeds=self._feeds), CHEAP)

    def trouble(self) -> str | None:
        """Return what a glance finds, in words; None when that is nothing."""
        violations = self.glance().violations
        return f"found at once: {'; '.join(violations)}" if violations else None

    def finish(self, on_look: Callable[[Evidence], None] | None = None) -> Verdict:
        """End the work, look at everything, stop the desk, look at its files, and return the verdict on all of it."""
        self.rest()
        evidence = collect(
            self.desk,
            self.history.told(),
            self.baseline,
            (*CUSTOMERS, *ADMINS),
            anchors=tuple(self._anchors),
            outages=list(self.outages),
            slack=self._slack,
        )
        if on_look:
            on_look(evidence)
        verdict = check(evidence, RUNNING)
        status = self.desk.stop()
        evidence.data_dir = copied(self.desk, self.directory / "copy")
        verdict.findings += check(evidence, STOPPED).findings
        if status != 0:
            raise AssertionError(f"The desk ended with status {status}:\n{self.desk.output()}")
        return verdict
