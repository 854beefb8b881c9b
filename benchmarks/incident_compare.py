"""Compare a desk with the incident log that was played through it."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from benchmarks.client import Refused
from benchmarks.incident_log import people
from benchmarks.incident_play import Play, each
from benchmarks.incident_truth import Entry, Heard, Incident, Truth, truth


@dataclass
class Comparison:
    """Every check returns its differences in words; none when desk and file agree."""

    play: Play
    truth: Truth
    people: dict[str, str]
    """Names by account id."""

    @classmethod
    def of(cls, play: Play) -> "Comparison":
        return cls(play, truth(play.rows), {person.id: name for name, person in play.people.items()})

    async def tickets(self) -> list[str]:
        """Check each ticket's state and its whole history."""
        found: list[str] = []

        async def one(name: str) -> None:
            found.extend(await self._ticket(name, self.truth.incidents[name]))

        await each(self.play.progress, "comparing tickets", self.truth.incidents, one, at_once=self.play.concurrency)
        return found

    async def audit(self) -> list[str]:
        """Check how many entries of each action the audit list has for these tickets and these people."""
        numbers = {str(number) for number in self.play.tickets.values()}
        expected = self.truth.actions + Counter(user_registered=len(self.people), user_logged_in=len(self.people))
        expected["user_role_changed"] = len(people(self.play.rows).admins)
        seen: Counter[str] = Counter()

        async def one(action: str) -> None:
            async for item in self.play.desk.pages(f"/api/audit?action={action}", self.play.admin):
                entity = item["entity"]
                seen[action] += entity["id"] in (numbers if entity["type"] == "ticket" else self.people)

        await each(self.play.progress, "comparing the audit list", expected, one, at_once=2)
        return [f"The audit list has {seen[key]} {key}, the file {expected[key]}." for key in expected if seen[key] != expected[key]]

    async def inboxes(self, *, patience: float = 60.0) -> list[str]:
        """Check what everybody heard. For `patience` seconds notifications may still be on their way."""
        await self._until_heard(patience)
        found: list[str] = []

        async def one(name: str) -> None:
            expected, heard = self.truth.heard.get(name, Counter()), await self._heard(name)
            found.extend(f"{name} has not heard {line}." for line in _told(expected - heard))
            found.extend(f"{name} has heard {line}, of which the file knows nothing." for line in _told(heard - expected))

        await each(self.play.progress, "comparing inboxes", self.play.people, one, at_once=self.play.concurrency)
        return found

    async def stores(self, *, patience: float = 120.0) -> list[str]:
        """Let every service verify its store from disk."""
        desk, admin = self.play.desk, self.play.admin
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        step = self.play.progress.begin("verifying the stores", 1)
        answer = await desk.call("POST", "/api/audit/verify", admin)
        while answer.status_code in (202, 404) and loop.time() < end:
            await asyncio.sleep(0.5)
            answer = await desk.call("GET", "/api/audit/verify", admin)
        if answer.status_code != 200:
            raise Refused("POST", "/api/audit/verify", answer)
        step()
        result = answer.json()
        bad = [f"The store of {store['source']} is not whole: {store['reason']}." for store in result["stores"] if not store["ok"]]
        return bad or ([] if result["ok"] else ["The stores are not whole."])

    async def _ticket(self, name: str, expected: Incident) -> list[str]:
        desk, admin, number = self.play.desk, self.play.admin, self.play.tickets[name]
        ticket = await desk.ask("GET", f"/api/tickets/{number}", admin)
        history = [self._entry(item) async for item in desk.pages(f"/api/tickets/{number}/history", admin)]
        checks = {
            "status": (ticket["status"], expected.status),
            "priority": (ticket["priority"], expected.priority),
            "assignee": (ticket["assignee"] and ticket["assignee"]["name"], expected.assignee),
            "requester": (ticket["requester"]["name"], expected.caller),
            "history": (history, expected.history),
        }
        return [f"{name}: {what} is {is_!r}, in the file {was!r}." for what, (is_, was) in checks.items() if is_ != was]

    def _entry(self, item: dict[str, Any]) -> Entry:
        created, actor = item["action"] == "ticket_created", item["actor"]["id"]
        before, after = (None if created else self._value(item[side]) for side in ("before", "after"))
        return Entry(item["action"], self.people.get(actor, actor), before, after)

    def _value(self, change: dict[str, Any]) -> str | None:
        """The one value that a change has; a person by name."""
        value: str | None
        (value,) = change.values()
        return self.people.get(value, value) if value is not None else None

    async def _heard(self, name: str) -> Counter[Heard]:
        incidents = {number: incident for incident, number in self.play.tickets.items()}
        inbox = self.play.desk.pages("/api/notifications", self.play.people[name])
        return Counter([Heard(item["kind"], incidents.get(item["ticket_id"], "another ticket")) async for item in inbox])

    async def _until_heard(self, patience: float) -> None:
        """Wait until everybody has as many notifications as they should; what is missing at the end, the comparison says."""
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        step = self.play.progress.begin("waiting for notifications", len(self.truth.heard))
        for name, counter in self.truth.heard.items():
            while loop.time() < end:
                answer = await self.play.desk.ask("GET", "/api/notifications/unread-count", self.play.people[name])
                if answer["count"] >= sum(counter.values()):
                    break
                await asyncio.sleep(0.1)
            step()


def _told(counter: Counter[Heard]) -> list[str]:
    return [f"{count} x {heard.kind} of {heard.incident}" for heard, count in counter.items()]
