"""Places at which a process can be made to die, so that it can be seen what a crash there does. Calls stand behind `if __debug__`.

Under `python -O`, as `ste up` runs the services, none of them is compiled. Otherwise they are armed by the variable STE_FAIL_AT, which
names a file: while it says `<service> <point> <n>`, the n-th arrival at that point takes the file away and ends the process as `kill -9`
does. So points are armed and hit one after the other while the desk runs, and a process that is started again does not die again.
"""

import os
import signal
from pathlib import Path

POINTS = {
    "writer.begin": "before the transaction of a batch",
    "writer.locked": "the head is locked, nothing is written",
    "writer.primary": "primary rows are written, the log is not",
    "writer.logged": "the log is written, what follows it is not",
    "writer.projected": "projections are written, the head is not moved",
    "writer.closed": "all is written, before the commit",
    "writer.committed": "after the commit, before anybody is told",
    "answer.send": "before an answer to a change leaves",
    "answer.sent": "after it has left",
    "relay.read": "events are read, none is published",
    "relay.half": "a part of an atomic batch is sent",
    "relay.sent": "published and acknowledged, the relay does not know it yet",
    "stream.create": "the stream is not there, before it is made",
    "stream.created": "the stream is made, nothing is in it",
    "durable.create": "before a consumer's place in a stream is declared",
    "consumer.received": "messages came, nothing is written",
    "consumer.recorded": "the journal is written, nothing is handled",
    "consumer.handled": "all is handled, the checkpoint is not moved",
    "consumer.moved": "the checkpoint is moved, before the commit",
    "consumer.committed": "after the commit, before the acknowledgement",
    "consumer.acked": "after the acknowledgement",
    "parking.parked": "an event is set aside, before the commit",
    "rebuild.folded": "tables are made anew, before the commit",
    "worker.claimed": "a job is claimed, nothing is done",
    "worker.sending": "it is committed that something may leave the house, nothing has left",
    "worker.effect": "a job has had its effect, its outcome is not written",
    "worker.ended": "the outcome is written",
    "fanout.told": "all admins are told, before the commit",
    "timer.due": "a deadline is due, nothing is asked",
    "timer.asked": "escalation.due is appended, before the commit",
    "timer.committed": "it is committed, the timer does not know it yet",
    "store.migrating": "a schema is half changed",
    "drain.begun": "told to stop, requests under way",
    "drain.written": "the writer has ended, the rest is not relayed",
}
"""What a process has done when it arrives there."""


class _Armed:
    def __init__(self, service: str, file: Path) -> None:
        self._service, self._file = service, file
        self._said, self._left = "", 0

    def reach(self, point: str) -> None:
        try:
            said = self._file.read_text()
        except FileNotFoundError:
            return
        if said != self._said:
            self._said, self._left = said, 0
        words = said.split()
        if words[:2] != [self._service, point]:
            return
        self._left = (self._left or int(words[2])) - 1
        if self._left == 0:
            self._die()

    def _die(self) -> None:
        try:
            self._file.rename(self._file.with_name(self._file.name + ".hit"))  # one process alone succeeds
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


_armed: _Armed | None = None


def arm(service: str) -> None:
    """Let this process, which is `service`, die where STE_FAIL_AT says; without that variable nothing ever happens."""
    global _armed  # noqa: PLW0603 -- a place in the code cannot be handed anything without costing something
    file = os.environ.get("STE_FAIL_AT")
    _armed = _Armed(service, Path(file)) if file else None


def reach(point: str) -> None:
    """Arrive at a point."""
    if _armed is not None:
        _armed.reach(point)
