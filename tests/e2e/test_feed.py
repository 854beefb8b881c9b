"""The feed and its explanations on the real desk, by the gateway: whoever dies meanwhile, a reader's whole is the desk's."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2

from tests.support.desk import Desk
from tests.support.waiting import eventually

Json = dict[str, Any]
GENEROUS = 60.0
"""Seconds: what dies is started again, on a busy machine."""


def pages(client: httpx2.Client, after: str = "0") -> list[Json]:
    """Return all items after a position."""
    items: list[Json] = []
    while True:
        answer = client.get("/api/events", params={"after": after, "limit": 500})
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if answer.json()["next"] == after:
            return items
        after = answer.json()["next"]


def said(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(": ")
        if name in ("id", "data"):
            yield name, value


class Reader(threading.Thread):
    """Follows the stream, and comes back as a browser does whenever it ends, until it has heard of a ticket's end."""

    def __init__(self, client: httpx2.Client, start: str) -> None:
        super().__init__(daemon=True)
        self.client, self.last_id = client, start
        self.items: list[Json] = []
        self.connections = 0
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.wait(0.05):
            try:
                with self.client.stream("GET", "/api/events/stream", headers={"Last-Event-ID": self.last_id}, timeout=5.0) as answer:
                    if answer.status_code == 200:
                        self.connections += 1
                        self._listen(answer)
            except httpx2.TransportError:
                continue

    def _listen(self, answer: httpx2.Response) -> None:
        for name, value in said(answer.iter_lines()):
            if name == "id":
                self.last_id = value
            else:
                self.items.append(json.loads(value))
            if self.enough.is_set():
                return


def opened(client: httpx2.Client, title: str) -> int:
    """Open a ticket, however often it has to be tried."""

    def tried() -> int | None:
        try:
            answer = client.post("/api/tickets", json={"title": title, "body": "Under way."})
        except httpx2.TransportError:
            return None
        return int(answer.json()["id"]) if answer.status_code == 201 else None

    return eventually(tried, within=GENEROUS, what="a ticket") or 0


def test_whoever_dies_a_reader_hears_everything_once_and_in_order(rough: Desk) -> None:
    admin, user = rough.client("admina"), rough.client("usera")
    start = pages(admin)[-1]["position"]
    reader = Reader(rough.client("adminb"), start)
    reader.start()
    try:
        eventually(lambda: reader.connections, within=GENEROUS, what="the stream")
        for round_ in range(3):
            for number in range(5):
                opened(user, f"Round {round_}, {number}")
            if round_ < 2:
                victim = ("tickets", "gateway")[round_]
                rough.wait_for_restart(victim, rough.kill(victim), within=GENEROUS)
        last = opened(user, "The last")

        def whole() -> list[Json]:
            items = list(reader.items)
            return items if any(item["event"]["head"]["subject"] == f"ticket/{last}" for item in items) else []

        heard = eventually(whole, within=GENEROUS, what="the last ticket")
    finally:
        reader.enough.set()
    assert reader.connections >= 3
    expected = pages(admin, after=start)
    assert heard == expected[: len(heard)]
    assert len(heard) >= 16


def test_the_operator_is_told_why(desk: Desk) -> None:
    user, admin = desk.client("userb"), desk.client("admina")
    number = opened(user, "Why?")
    assert admin.put(f"/api/tickets/{number}/status", json={"status": "in_progress"}).status_code == 200

    def notified() -> str | None:
        items = user.get("/api/notifications").json()["items"]
        return next((str(item["id"]) for item in items if item["ticket_id"] == number), None)

    notification = eventually(notified, within=GENEROUS, what="the notification")
    done = desk.ste("why", str(number), "--notification", str(notification))
    assert done.returncode == 0, done.stderr
    assert "moved the ticket from open to in progress." in done.stdout
    assert "Whoever opened a ticket is told when its status changes" in done.stdout

    def known() -> Json:
        asked = desk.ste("why", str(number), "--escalation", "default", "--json")
        assert asked.returncode == 0, asked.stderr
        answer: Json = json.loads(asked.stdout)
        return answer if answer["reason"] == "not-open" else {}

    answer = eventually(known, within=GENEROUS, what="the escalator's word")
    assert answer["summary"].endswith("Only an open ticket escalates, and it is in progress.")

    for wrong, code in ((("--escalation", "nothing"), 1), ((), 2), (("--event", "x"), 2)):
        refused = desk.ste("why", str(number), *wrong)
        assert refused.returncode == code, refused.stdout + refused.stderr
    assert "never was" in desk.ste("why", str(number), "--escalation", "nothing").stderr
