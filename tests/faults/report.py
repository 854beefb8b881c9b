"""What came of a campaign: a table on the screen, a JSON beside the histories, and the page docs/proof/faults.md."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.machine import describe
from tests.faults.check import Verdict
from tests.faults.history import Operation
from tests.faults.rounds import Round


@dataclass(kw_only=True)
class Line:
    """All rounds of one fault. `recoveries` are in seconds; `troubles` say why a round was none, or took too long."""

    fault: str
    service: str
    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    recoveries: list[float] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        median, worst = (f"{how(self.recoveries):.1f}" if self.recoveries else "-" for how in (statistics.median, max))
        counts = (self.rounds, self.acknowledged, self.lost, self.doubled)
        return [self.fault, self.service, *(f"{count:,}" for count in counts), median, worst]


HEADINGS = ("point", "service", "rounds", "acknowledged", "lost", "doubled", "recovery, median s", "longest s")


@dataclass(kw_only=True)
class Report:
    """`operations` counts those invoked and how they ended; `violations` are all findings in words, with their session."""

    command: str
    seed: int
    lines: dict[str, Line] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)
    effects: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    histories: list[str] = field(default_factory=list)
    seconds: float = 0.0
    taken_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    machine: Mapping[str, str] = field(default_factory=describe)

    @property
    def failed(self) -> bool:
        """Whether anything was violated, or any round was none."""
        return bool(self.violations) or any(line.troubles for line in self.lines.values())

    def line(self, fault: str, service: str) -> Line:
        return self.lines.setdefault(f"{service} {fault}", Line(fault=fault, service=service))

    def add_rounds(self, rounds: Sequence[Round], operations: Sequence[Operation], verdict: Verdict) -> None:
        """Count rounds of one session. What was acknowledged or went wrong belongs to the round that was last begun before it."""
        ordered = sorted(rounds, key=lambda one: one.armed_at)
        borders = [one.armed_at for one in ordered[1:]] + [float("inf")]
        done = sorted(operation.ended for operation in operations if operation.outcome == "ok")
        for one, until in zip(ordered, borders, strict=True):
            line = self.line(one.place.point, one.place.service)
            line.rounds += 1
            line.acknowledged += sum(one.armed_at <= at < until for at in done)
            within = [finding for finding in verdict.findings if finding.at is not None and one.armed_at <= finding.at < until]
            line.lost += sum(finding.harm == "lost" for finding in within)
            line.doubled += sum(finding.harm == "doubled" for finding in within)
            if one.recovery is not None:
                line.recoveries.append(one.recovery)
            if one.trouble:
                line.troubles.append(one.trouble)

    def add_verdict(self, session: str, verdict: Verdict, counts: Mapping[str, int], effects: Mapping[str, int]) -> None:
        """Count what a session's clients did, and all that was found."""
        for total, more in ((self.operations, counts), (self.effects, effects)):
            for name, count in more.items():
                total[name] = total.get(name, 0) + count
        self.violations += [f"{session}: {violation}" for violation in verdict.violations]

    def total(self) -> Line:
        """Return the last line: all rounds of all faults."""
        total = Line(fault="all", service="")
        for line in self.lines.values():
            total.rounds += line.rounds
            total.lost += line.lost
            total.doubled += line.doubled
            total.recoveries += line.recoveries
        total.acknowledged = self.operations.get("ok", 0)
        return total

    def table(self) -> Table:
        table = Table(title="Faults", caption=f"seed {self.seed}; {self.seconds:.0f} s; {self.machine['commit']}")
        for number, heading in enumerate(HEADINGS):
            table.add_column(heading, justify="left" if number < 2 else "right")
        for line in [*self.lines.values(), self.total()]:
            table.add_row(*line.cells())
        return table

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def write_docs(self, page: Path, plants: Path) -> None:
        """Write the page; `plants` is what the command that plants faults wrote, if it did."""
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(self.markdown(_planted(plants)) + "\n", encoding="utf-8")

    def markdown(self, planted: str) -> str:
        """Return the page; `planted` says which planted faults were caught."""
        about = {
            "command": f"`{self.command}`",
            "seed": self.seed,
            "taken": self.taken_at,
            "duration": f"{self.seconds:.0f} s",
            **self.machine,
        }
        total = self.total()
        found = [f"- {what}" for what in [*self.violations, *self._troubles()]] or ["None."]
        return "\n".join(
            [
                _CLAIM,
                "## What was done",
                "",
                self._counted(total.rounds),
                "",
                *_markdown_table(HEADINGS, [line.cells() for line in [*self.lines.values(), total]], left=2),
                "",
                _COLUMNS,
                "",
                *([f"Left out here: {'; '.join(self.skipped)}.", ""] if self.skipped else []),
                "## Violations",
                "",
                *found,
                "",
                "## Planted faults",
                "",
                planted,
                "",
                "## With what",
                "",
                *_markdown_table(("", ""), [[str(name), str(value)] for name, value in about.items()], left=2),
                "",
                _AGAIN,
            ]
        )

    def _counted(self, rounds: int) -> str:
        told, followed = self.operations, self.effects
        return (
            f"{rounds} deaths and other faults, under a load of {told.get('invoked', 0):,} operations: {told.get('ok', 0):,} acknowledged "
            f"(ok), {told.get('fail', 0):,} refused (fail), {told.get('info', 0):,} of unknown outcome (info), which are never counted as "
            f"acknowledged. From these followed {followed.get('escalated', 0):,} escalations, {followed.get('told', 0):,} notifications "
            f"and {followed.get('delivered', 0):,} deliveries out of the house."
        )

    def _troubles(self) -> list[str]:
        return [f"{name}: {trouble}" for name, line in self.lines.items() for trouble in line.troubles]


def _planted(path: Path) -> str:
    """Return the detection table: which planted faults the suite caught."""
    if not path.exists():
        return "No faults were planted for this page."
    plants: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    rows = [[str(plant.get("plant", "")), "yes" if plant.get("caught") else "**no**", str(plant.get("by", ""))] for plant in plants]
    return "\n".join(
        [
            "A harness is as good as what it catches.",
            "",
            *_markdown_table(("planted", "caught", "by"), rows, left=3),
        ]
    )


def _markdown_table(headings: Iterable[str], rows: Iterable[Sequence[str]], *, left: int) -> list[str]:
    headings = list(headings)
    rules = ["---" if number < left else "---:" for number in range(len(headings))]
    return [f"| {' | '.join(cells)} |" for cells in [headings, rules, *rows]]


_COLUMNS = (
    "*acknowledged* counts what was acknowledged from the moment the point was armed until the next one was; *recovery* is from the "
    "process's last moment until it was ready again and somebody had got a 2xx of it through the gateway; for what breaks in the world it "
    "is from its healing until every part was well and all that was committed was relayed and consumed."
)
_CLAIM = """# Faults

Written by `make faults`; not by hand.

**The claim that is tested.** Whatever dies, and wherever it dies: what was acknowledged is there exactly once, what was not answered is
there at most once, nobody is told twice, every deadline fires once, and the desk is ready again by itself.

Customers, admins and others work on a whole desk, as generated from the seed. Meanwhile a process dies by `kill -9` at a *fail point*
(`events.failpoints`) or at its n-th system call of a kind (`strace`; n grows by a quarter each time unless ROUNDS is 3 or more, then by
one), or the world around the desk breaks. What clients asked and were told is a history as Jepsen keeps them. A service that is not back
within 10 s counts as trouble. After each round the logs are judged (I1 to I4), at the end of each session all: the desk is looked at from
the outside (its API, the feed of each log, the broker's streams, the stores once it has stopped).

| | |
| --- | --- |
| I1 | every acknowledged command led to its event, exactly one; marks of reading are what they were set to |
| I2 | no event that nobody asked for; what is unknown happened once or not at all; of two changes of one version one won |
| I3 | the same Idempotency-Key, the same answer |
| I4 | sequences and stream versions from 1 on without a gap |
| I5 | each stream of the broker is the end of its log, gapless, each event once, and never empty; the feed holds all of it |
| I6 | one audit entry per event; the hash chain from the first event, signed checkpoints, and what was seen of the chain meanwhile |
| I7 | one notification for each person whom an event concerns; a job delivers at most once, exactly once where it says so |
| I8 | every projection, and all that consumers fill, equals what is made anew from the logs |
| I9 | each ticket escalates once, never early, and at most 5 s late (60 s in the sessions in which the world breaks), outages aside |
| I10 | no lag, nothing set aside, no job left |
| I11 | `integrity_check` and `foreign_key_check` of every store |
| I12 | own writes are seen at once; a live feed that was cut off again and again told everything once |
"""

_AGAIN = """## Again

    make faults                                # everything once
    make faults ROUNDS=20 SEED=7               # hours
    make faults POINT=writer.committed         # one point on every service; POINT='tickets relay.sent': on one

A run's histories, line by line, and its figures as JSON are in `fault-results/`. A violation names the seed, the point and the operation;
the same seed makes the same people do the same work, up to the order in which threads and processes come to it."""
