"""The people at work: operations generated from a seed, each client a thread of its own that chooses what to do next.

Tickets whose number is a multiple of five are contended: everybody changes them, with If-Match. Every other ticket's fields have one
writer each (the requester its text, one admin the rest), who knows what they are, so that each change is a change.
"""

import json
import random
import threading
from typing import Any

import httpx2

from tests.faults.callers import Caller
from tests.faults.history import Operation, Wanted
from tests.faults.workers import Board, Known, Worker

STATUSES = ("open", "in_progress", "resolved")
PRIORITIES = ("low", "normal", "high", "urgent")


class Customer(Worker):
    """Opens and edits tickets, reads what comes of them, and sometimes clicks twice."""

    def __init__(self, caller: Caller, second: Caller, board: Board, dice: random.Random) -> None:
        super().__init__(caller, board, dice)
        self._second = second
        self._kept: list[Operation] = []

    def turn(self) -> None:
        self.choose(
            (30, self._open),
            (8, self._open_twice),
            (10, self._open_once),
            (18, self._edit),
            (8, self._repeat),
            (14, self._read),
            (4, self._read_all),
        )

    def _opening(self, key: str | None) -> dict[str, Any]:
        title, priority = self.new_name(), self.dice.choice(PRIORITIES)
        body = {"title": title, "body": "Opened while things break.", "priority": priority}
        wanted = Wanted(("ticket.created",), {"title": title, "priority": priority})
        return {"service": "tickets", "method": "POST", "path": "/api/tickets", "body": body, "key": key, "wanted": wanted}

    def _open(self) -> None:
        operation = self.caller.surely("create", **self._opening(self.new_key()))
        if self.board.add(operation, self.caller.name):
            self.look_after(operation, {"title": operation.body["title"]})
            self._kept.append(operation)

    def _open_once(self) -> None:
        self.board.add(self.caller.once("create once", **self._opening(None)), self.caller.name)

    def _open_twice(self) -> None:
        asked = self._opening(self.new_key())
        other = threading.Thread(target=self._second.surely, args=("create twice",), kwargs=asked)
        other.start()
        operation = self.caller.surely("create twice", **asked)
        other.join()
        self.board.add(operation, self.caller.name)

    def _repeat(self) -> None:
        """Ask again for what was done long ago: the same answer must come, and nothing must happen."""
        if self._kept:
            done = self.dice.choice(self._kept)
            asked = {name: getattr(done, name) for name in ("service", "method", "path", "body", "key", "wanted")}
            self.caller.surely("repeat", **asked)

    def _edit(self) -> None:
        known = self.board.pick(self.dice, lambda known: known.requester == self.caller.name)
        if known is None:
            return
        title, path = self.new_name(), f"/api/tickets/{known.number}"
        expected = None
        if known.contended:
            if (there := self.caller.look(path)) is None:
                return
            expected = there["version"]
        wanted = Wanted(("ticket.edited",), {"after": {"title": title}})
        refusals = () if expected is None else (412,)
        operation = self.caller.surely(
            "edit", "tickets", "PATCH", path, body={"title": title}, expected=expected, wanted=wanted, refusals=refusals
        )
        if operation.outcome == "ok":
            self.look_after(operation, {} if known.contended else {"title": title})

    def _read(self) -> None:
        page = self.caller.look("/api/notifications", limit="20")
        if page and page["items"]:
            note = self.dice.choice(page["items"])
            method = "PUT" if self.dice.random() < 0.8 else "DELETE"
            self.caller.surely("mark", "notifier", method, f"/api/notifications/{note['id']}/read")

    def _read_all(self) -> None:
        self.caller.surely("read all", "notifier", "POST", "/api/notifications/read-all", key=self.new_key())


class Admin(Worker):
    """Handles its part of the tickets, and fights with the other admin over the contended ones."""

    def __init__(self, caller: Caller, board: Board, dice: random.Random, *, part: tuple[int, int], admins: list[str]) -> None:
        super().__init__(caller, board, dice)
        self._part, self._admins = part, admins

    def turn(self) -> None:
        self.choose((34, self._handle), (14, self._note), (14, self._contend), (10, self._read))

    def _mine(self, known: Known) -> bool:
        remainder, of = self._part
        return known.number % of == remainder and not known.contended

    def _handle(self) -> None:
        if known := self.board.pick(self.dice, self._mine):
            what = self.dice.choice(("status", "priority", "assignee"))
            self.change(known, what, self._another(what, known.values[what]))

    def _another(self, what: str, value: Any) -> Any:
        options = {"status": STATUSES, "priority": PRIORITIES, "assignee": (*self._admins, None)}[what]
        return self.dice.choice([option for option in options if option != value])

    def _note(self) -> None:
        if known := self.board.pick(self.dice, lambda known: True):
            body = self.new_name()
            wanted, path = Wanted(("ticket.note_added",), {"body": body}), f"/api/tickets/{known.number}/notes"
            self.caller.surely("note", "tickets", "POST", path, body={"body": body}, key=self.new_key(), wanted=wanted)

    def _contend(self) -> None:
        known = self.board.pick(self.dice, lambda known: known.contended)
        if known is None or (there := self.caller.look(f"/api/tickets/{known.number}")) is None:
            return
        what = self.dice.choice(("status", "priority"))
        self.change(known, what, self._another(what, there[what]), expected=there["version"])

    def _read(self) -> None:
        page = self.caller.look("/api/notifications", limit="20", unread="true")
        if page and page["items"]:
            note = self.dice.choice(page["items"])
            self.caller.surely("mark", "notifier", "PUT", f"/api/notifications/{note['id']}/read")


class Newcomer(Worker):
    """Registers, and signs in; what was not answered has no key: the e-mail alone keeps it from being done twice."""

    @property
    def pause(self) -> tuple[float, float]:
        return 0.1, 0.2

    def turn(self) -> None:
        name = self.new_name()
        email = f"{name.replace(' ', '-')}@example.com"
        secret = {"email": email, "password": "a long enough password"}
        wanted = Wanted(("user.registered",), {"email": email})
        self.caller.surely("register", "auth", "POST", "/api/auth/register", body={"name": name, **secret}, wanted=wanted, proofs=(409,))
        if self.dice.random() < 0.5:
            self.caller.forget()
            self.caller.once("login", "auth", "POST", "/api/auth/login", body=secret, wanted=Wanted(("user.logged_in",)))


class PolicyMaker(Worker):
    """Changes a policy that touches nobody for a month, again and again, and leaves the shipped one alone."""

    @property
    def pause(self) -> tuple[float, float]:
        """Each change is carried on to the deadlines of all tickets: the more there are, the more seldom somebody would do that."""
        return 0.2 + len(self.board) / 200, 0.4 + len(self.board) / 100

    def turn(self) -> None:
        there = self.caller.look("/api/escalations/policies")
        if there is None:
            return
        others = [policy for policy in there["policies"] if policy["name"] != "load"]
        days = next((policy["levels"][0]["after"] for policy in there["policies"] if policy["name"] == "load"), None)
        after = self.dice.choice([f"{number}d" for number in range(30, 90) if f"{number}d" != days])
        policy = {"name": "load", "levels": [{"after": after, "notify": "admins"}]}
        wanted = Wanted(("escalation.policy_changed",), {"after": {**policy, "when": {}, "calendar": None}})
        self.caller.surely("policy", "escalator", "PUT", "/api/escalations/policies", body={"policies": [*others, policy]}, wanted=wanted)


class Clerk(Worker):
    """Has another try made at what the notifier has given up."""

    @property
    def pause(self) -> tuple[float, float]:
        return 0.1, 0.3

    def turn(self) -> None:
        page = self.caller.look("/api/jobs", status="dead", limit="20")
        if page and page["items"]:
            job = self.dice.choice(page["items"])
            wanted, path = Wanted(("job.retried",), {"job": job["id"]}), f"/api/jobs/{job['id']}/retry"
            self.caller.surely("retry job", "notifier", "POST", path, key=self.new_key(), wanted=wanted, refusals=(409,))


class Listener:
    """Follows somebody's live feed, from the beginning and on from where it broke; every break is a resumption."""

    def __init__(self, name: str, client: httpx2.Client, caller: Caller) -> None:
        self.name, self._client, self._caller = name, client, caller
        self._last = "0"

    def turn(self) -> None:
        """Listen until a second of silence, or until the connection breaks."""
        headers = {"Last-Event-ID": self._last}
        patience = httpx2.Timeout(20.0, read=1.0)
        try:
            with self._client.stream("GET", "/api/notifications/stream", headers=headers, timeout=patience) as answer:
                if answer.status_code == 200:
                    self._take(answer)
        except httpx2.HTTPError:
            return

    def _take(self, answer: httpx2.Response) -> None:
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
            else:
                if fields.get("event") == "notification":
                    self._caller.history.hear(self.name, json.loads(fields["data"])["id"])
                self._last = fields.get("id", self._last)
                fields = {}
