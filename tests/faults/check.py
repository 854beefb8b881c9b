"""The verdict: every invariant, looked at from the outside."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.evidence import Evidence
from tests.faults.invariants import commands, effects, files, logs
from tests.faults.invariants.findings import Finding

Invariant = Callable[[Evidence], list[Finding]]

RUNNING: Sequence[Invariant] = (
    commands.acknowledged_is_there_once,
    commands.nothing_happened_unasked,
    commands.same_key_same_answer,
    commands.readers_see_what_is_there,
    logs.streams_have_no_gap_or_fork,
    logs.broker_holds_the_end_of_the_log,
    logs.audit_is_whole_and_chained,
    logs.nothing_is_left_to_do,
    effects.people_are_told_once,
    effects.escalations_are_on_time_and_once,
)
"""What shows while the desk runs and rests."""
STOPPED: Sequence[Invariant] = (files.files_are_sound, files.derived_equals_what_is_made_anew)
"""What shows in its files once it has stopped."""
CHEAP: Sequence[Invariant] = (
    commands.acknowledged_is_there_once,
    commands.nothing_happened_unasked,
    commands.same_key_same_answer,
    logs.streams_have_no_gap_or_fork,
)
"""What shows in the feeds alone, while everybody is at work."""


@dataclass(kw_only=True)
class Verdict:
    """What came of a run. `lost` and `doubled` count what was found to be so, `violations` are all findings in words."""

    acknowledged: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return sum(finding.harm == "lost" for finding in self.findings)

    @property
    def doubled(self) -> int:
        return sum(finding.harm == "doubled" for finding in self.findings)

    @property
    def violations(self) -> list[str]:
        return [str(finding) for finding in self.findings]

    def __str__(self) -> str:
        told = "\n".join(f"  {violation}" for violation in self.violations[:40])
        return f"{self.acknowledged} acknowledged, {self.lost} lost, {self.doubled} doubled, {len(self.findings)} violations\n{told}"


def check(evidence: Evidence, invariants: Iterable[Invariant] = RUNNING) -> Verdict:
    """Judge what was seen."""
    findings = [finding for invariant in invariants for finding in invariant(evidence)]
    return Verdict(acknowledged=evidence.history.counts()["ok"], findings=list(dict.fromkeys(findings)))
