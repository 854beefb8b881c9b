"""The feed and its explanations on the real desk, by the gateway: whoever dies meanwhile, a reader's whole is the desk's."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)

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
    assert answer["summary"].endswith("Only an open ticket escalates, and this one is in progress.")

    for wrong, code in ((("--escalation", "nothing"), 1), ((), 2), (("--event", "x"), 2)):
        refused = desk.ste("why", str(number), *wrong)
        assert refused.returncode == code, refused.stdout + refused.stderr
    assert "never was" in desk.ste("why", str(number), "--escalation", "nothing").stderr


def pages_with(client: httpx2.Client, ticket: int) -> list[Json]:
    """Return all items, once an event of the ticket is among them; nothing before."""
    items = pages(client)
    return items if any(item["event"]["head"]["subject"] == f"ticket/{ticket}" for item in items) else []


def prefix_in_common(ours: list[Json], theirs: list[Json]) -> int:
    """Return how many events two readings of a feed begin with in common."""
    pairs = zip(ours, theirs, strict=False)
    return next((number for number, (one, other) in enumerate(pairs) if one["event"]["hash"] != other["event"]["hash"]), len(ours))


def test_a_desk_that_is_put_back_tells_its_readers_up_to_where_they_have_read_right(own: Desk, tmp_path: Path) -> None:
    """Once, and once more from the same backup: readers of the desk in between come with an origin that this log never had."""
    own.start()
    own.wait_until_ready()
    opened(own.client("usera"), "In the backup")
    saved = own.ste("backup", str(tmp_path / "backup"))
    assert saved.returncode == 0, saved.stderr
    for title in ("Lost the first time", "Lost the second time"):
        user, admin = own.client("usera"), own.client("admina")
        last = opened(user, title)
        read = eventually(partial(pages_with, admin, last), within=GENEROUS, what="the ticket in the feed")
        assert own.stop(GENEROUS) == 0
        restored = own.ste("restore", str(tmp_path / "backup"), "--replace")
        assert restored.returncode == 0, restored.stderr
        own.start()
        own.wait_until_ready()
        admin = own.client("admina")
        whole = pages(admin)
        kept = prefix_in_common(whole, read)
        assert whole[kept]["event"]["head"]["type"] == "store.restored"
        assert pages(admin, after=read[kept - 1]["position"]) == pages(admin, after=whole[kept - 1]["position"])
        gone = admin.get("/api/events", params={"after": read[kept]["position"]})
        assert (gone.status_code, gone.json()["cut"]) == (410, whole[kept - 1]["position"])
