"""Blind deaths: a service is killed at its n-th system call of a kind while one whole command runs, n = 1, 2, 3 … until it survives.

As SQLite's own tests fail the n-th call (https://sqlite.org/testing.html#i_o_error_testing). Nobody had to think of the place: whatever
writes, syncs or sends is one.
"""

import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from tests.faults.callers import Caller
from tests.faults.desk import caught_up
from tests.faults.failfile import Place
from tests.faults.history import Wanted
from tests.faults.rounds import Round
from tests.faults.session import Session
from tests.support.desk import alive
from tests.support.waiting import eventually

CALLS = {"sync": "fdatasync,fsync", "write": "pwrite64", "send": "write,writev,sendto,sendmsg"}
"""The system calls of each kind: a store synced, a page of it written, something said to a socket or a log."""
MOST = 300
"""A command that has not come through by then never will."""


def lacking() -> str | None:
    """Return why this cannot be done here, None when it can."""
    return None if shutil.which("strace") else "strace is not installed"


class Commands:
    """One whole command for each service, with everything that follows from it: a new one each time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._dice = random.Random(f"{session.history.seed} blind")
        self._people = {name: Caller(name, session.desk.client(name), session.history) for name in ("usera", "admina", "adminb")}
        self._stranger = Caller("newcomer", session.desk.client(), session.history)
        self._admin = session.desk.client("adminb").get("/api/auth/me").json()["id"]

    def run(self, service: str) -> None:
        """Have the service do something, and wait until it is known what came of it."""
        by_service: Mapping[str, Callable[[], object]] = {
            "auth": self._register,
            "tickets": self._open,
            "notifier": self._tell,
            "escalator": self._plan,
        }
        by_service[service]()

    def _word(self) -> str:
        return f"{self._dice.getrandbits(48):012x}"

    def _register(self) -> None:
        email = f"blind-{self._word()}@example.com"
        body = {"name": "Blind Date", "email": email, "password": "a long enough password"}
        wanted = Wanted(("user.registered",), {"email": email})
        self._stranger.surely("register", "auth", "POST", "/api/auth/register", body=body, wanted=wanted, proofs=(409,))

    def _open(self) -> int:
        title = f"blind {self._word()}"
        wanted, body = Wanted(("ticket.created",), {"title": title}), {"title": title, "body": "Opened blindly."}
        done = self._people["usera"].surely("create", "tickets", "POST", "/api/tickets", body=body, key=self._word(), wanted=wanted)
        return int(done.json["id"])

    def _tell(self) -> None:
        """Assign a ticket to somebody, who reads that it is so."""
        number = self._open()
        wanted, body = Wanted(("ticket.assigned",), {"after": {"assignee": self._admin}}), {"assignee_id": self._admin}
        self._people["admina"].surely("assignee", "tickets", "PUT", f"/api/tickets/{number}/assignee", body=body, wanted=wanted)
        reader = self._people["adminb"]

        def told() -> str | None:
            page = reader.look("/api/notifications", limit="5")
            return next((note["id"] for note in page["items"] if note["ticket_id"] == number), None) if page else None

        note = eventually(told, within=60, what=f"the word that ticket {number} was assigned")
        reader.surely("mark", "notifier", "PUT", f"/api/notifications/{note}/read")

    def _plan(self) -> None:
        admin = self._people["admina"]
        there = eventually(lambda: admin.look("/api/escalations/policies"), within=60, what="the policies")
        others = [policy for policy in there["policies"] if policy["name"] != "blind"]
        policy = {"name": "blind", "levels": [{"after": f"{self._dice.randint(100, 3000)}d", "notify": "admins"}]}
        wanted = Wanted(("escalation.policy_changed",), {"after": policy})
        admin.surely("policy", "escalator", "PUT", "/api/escalations/policies", body={"policies": [*others, policy]}, wanted=wanted)


@contextmanager
def killed_at(pid: int, calls: str, number: int) -> Iterator[None]:
    """Let a process die at its `number`-th call of these; at the end of the block it is left alone, if it lives."""
    inject = f"inject={calls}:signal=SIGKILL:when={number}"
    command = ["strace", "-f", "-p", str(pid), "-e", f"trace={calls}", "-e", inject, "-e", "signal=none", "-o", "/dev/null"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as tracing:
        try:
            assert tracing.stderr is not None
            said = tracing.stderr.readline()
            assert "attached" in said, f"strace says: {said}"
            drain = threading.Thread(target=tracing.stderr.read, daemon=True)
            drain.start()
            yield
        finally:
            tracing.terminate()
            with suppress(subprocess.TimeoutExpired):
                tracing.wait(10)
            tracing.kill()


class Sweep:
    """One service and one kind of call on a session in which nothing else happens."""

    def __init__(self, session: Session, commands: Commands, service: str, kind: str) -> None:
        self.place = Place(f"strace {kind}", service)
        self.rounds: list[Round] = []
        self._session, self._commands, self._calls = session, commands, CALLS[kind]
        self._looker = session.desk.client("admina")

    def run(self, *, every: bool = True, deaths: int | None = None, on_round: Callable[[Round], None] = lambda _: None) -> None:
        """Advance until the command comes through untouched, or `deaths` were died; without `every`, in steps that grow by a quarter.

        Raises AssertionError when no command ever comes through.
        """
        number = 1
        while deaths is None or len(self.rounds) < deaths:
            assert number <= MOST, f"{self.place}: no command came through by the call {number}"
            one = self._die_at(number)
            if one is None:
                return
            self.rounds.append(one)
            on_round(one)
            number += 1 if every else max(1, number // 4)

    def _die_at(self, number: int) -> Round | None:
        desk, service = self._session.desk, self.place.service
        pid = desk.pid(service)
        one = Round(place=self.place, armed_at=time.time())
        ended = threading.Event()
        with killed_at(pid, self._calls, number):
            watch = threading.Thread(target=self._watch, args=(one, pid, ended))
            watch.start()
            try:
                self._commands.run(service)
                eventually(lambda: caught_up(desk), within=90, what="what follows from the command")
            finally:
                ended.set()
                watch.join()
        if one.hit_at is None:
            return None
        one.ready_after = one.ready_after or desk.ready_since(service, one.hit_at)
        self._session.outages.append((one.armed_at, time.time()))
        self._session.history.note(type="nemesis", place=f"{self.place} {number}", hit_at=one.hit_at)
        one.judge()
        one.trouble = one.trouble or self._session.trouble()
        return one

    def _watch(self, one: Round, pid: int, ended: threading.Event) -> None:
        """Note when it dies, and when it answers again."""
        while alive(pid):
            if ended.wait(0.005):
                return
        one.hit_at = time.time()
        with suppress(AssertionError):
            one.ready_after = self._session.desk.ready_since(self.place.service, one.hit_at)
            one.answered_after = self._session.desk.answering_since(self.place.service, one.hit_at, self._looker)
