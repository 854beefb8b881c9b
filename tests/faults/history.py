"""What clients asked and what they were told, written down as it happens: who, what, when, and whether the outcome is known.

As in Jepsen's histories an operation ends `ok` (acknowledged), `fail` (refused: it did not happen) or `info` (unknown: time-out, reset,
5xx). An unknown one may have happened once or not at all, and is never counted as acknowledged.
"""

import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["ok", "fail", "info"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The event that an operation leads to: one of these types, whose facts contain `facts`."""

    types: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of an operation; times are seconds since the epoch, `status` None when no answer came."""

    began: float
    ended: float
    status: int | None
    error: str | None = None

    @property
    def may_come_later(self) -> bool:
        """Whether it was only waited for too long: whoever has it may still do it, after the next attempt even."""
        return self.status == 504 or "Timeout" in (self.error or "")


@dataclass(kw_only=True)
class Operation:
    """Something that a client wants done. All its attempts carry its `trace`, which the events that follow from them bear."""

    kind: str
    process: str
    service: str
    method: str
    path: str
    body: Any = None
    key: str | None = None
    """The Idempotency-Key; operations that share one are one in all that they do."""
    expected: int | None = None
    """The version that it must find (If-Match)."""
    wanted: Wanted | None = None
    """None: it leads to no event."""
    trace: str = field(default_factory=lambda: uuid.uuid4().hex)
    attempts: list[Attempt] = field(default_factory=list)
    outcome: Outcome = "info"
    status: int | None = None
    answer: str = ""

    @property
    def group(self) -> str:
        """What makes it one with others: its key, or nothing but itself."""
        return f"{self.process.partition('#')[0]} {self.method} {self.path} {self.key}" if self.key else self.trace

    @property
    def most(self) -> int:
        """How often it may happen: once, and without a key or a version also whenever an earlier attempt comes to its end late."""
        fenced = self.key is not None or self.expected is not None
        return 1 if fenced else 1 + sum(attempt.may_come_later for attempt in self.attempts)

    @property
    def ended(self) -> float:
        return self.attempts[-1].ended if self.attempts else 0.0

    @property
    def traceparent(self) -> str:
        """Return the header of the next attempt: its number is the span's."""
        return f"00-{self.trace}-{len(self.attempts) + 1:016x}-01"

    @property
    def json(self) -> Any:
        """The answer's JSON. Raises ValueError when it has none."""
        return json.loads(self.answer)

    def __str__(self) -> str:
        known = f"{self.outcome} {self.status or ''}".strip()
        return f"{self.kind} {self.trace[:8]} of {self.process} ({self.method} {self.path}, {known} after {len(self.attempts)} attempts)"


@dataclass(kw_only=True)
class Told:
    """A history as it stood at some moment: what a check judges."""

    operations: list[Operation]
    observed: list[str] = field(default_factory=list)
    """What clients saw that nobody should see, in words."""
    heard: Mapping[str, list[str]] = field(default_factory=dict)
    """The ids of the notifications that each live listener was told, in order of their arrival."""

    def counts(self) -> dict[str, int]:
        """Return how many operations were invoked, and how they ended."""
        outcomes = [operation.outcome for operation in self.operations]
        return {"invoked": len(outcomes), **{name: outcomes.count(name) for name in ("ok", "fail", "info")}}


class History:
    """All operations of a run, in memory and line by line in a file. From any thread."""

    def __init__(self, path: Path, *, seed: int = 0) -> None:
        self.path, self.seed = path, seed
        self.acknowledged = 0
        self._heard: dict[str, list[str]] = {}
        self._told = Told(operations=[])
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self._write({"type": "begin", "seed": seed})

    def invoke(self, operation: Operation) -> None:
        """Write down that somebody begins to ask for something."""
        with self._lock:
            self._told.operations.append(operation)
            asked = {name: getattr(operation, name) for name in ("service", "method", "path", "body", "key", "expected")}
            self._write({**_head(operation, "invoke"), **asked})

    def attempted(self, operation: Operation, attempt: Attempt) -> None:
        with self._lock:
            operation.attempts.append(attempt)
            self._write({**_head(operation, "attempt"), "number": len(operation.attempts), **asdict(attempt)})

    def complete(self, operation: Operation, outcome: Outcome, status: int | None, answer: str) -> None:
        """Write down how it ended."""
        with self._lock:
            operation.outcome, operation.status, operation.answer = outcome, status, answer
            self.acknowledged += outcome == "ok"
            self._write({**_head(operation, outcome), "status": status, "answer": answer[:2000]})

    def observe(self, what: str) -> None:
        """Write down something that should not be."""
        with self._lock:
            self._told.observed.append(what)
            self._write({"type": "observed", "time": time.time(), "what": what})

    def listen(self, listener: str) -> None:
        """Write down that somebody listens: it is known of that one, too, who then hears nothing."""
        with self._lock:
            self._heard.setdefault(listener, [])
            self._write({"type": "listens", "time": time.time(), "process": listener})

    def hear(self, listener: str, id_: str) -> None:
        with self._lock:
            self._heard.setdefault(listener, []).append(id_)
            self._write({"type": "heard", "time": time.time(), "process": listener, "id": id_})

    def note(self, **what: Any) -> None:
        """Write down what the nemesis does, so that the file tells the whole story."""
        with self._lock:
            self._write({"time": time.time(), **what})

    def told(self) -> Told:
        """Return what is known by now; what has not ended is unknown."""
        with self._lock:
            told = self._told
            operations = [replace(operation, attempts=list(operation.attempts)) for operation in told.operations]
            return Told(operations=operations, observed=list(told.observed), heard={name: list(ids) for name, ids in self._heard.items()})

    def close(self) -> None:
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()


def _head(operation: Operation, type_: str) -> dict[str, Any]:
    return {"time": time.time(), "process": operation.process, "type": type_, "f": operation.kind, "op": operation.trace}
