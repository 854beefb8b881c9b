"""People at work while things break: what they were promised is written down, and compared with the desk afterwards.

Every piece of work is repeated until it is acknowledged, so it has to be there exactly once in the end; what is sent only once, and whose
answer never came, may be there once or not at all.
"""

import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.support.desk import Desk

ADMIN, OTHER_ADMIN, CUSTOMERS = "admina", "adminb", ("usera", "userb", "userc")
_PAUSE = 0.1
_PATIENCE = 60.0


@dataclass
class Promised:
    """What the desk has acknowledged, by the ticket's title; all titles of one load end in its tag."""

    tag: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    opened: dict[str, int] = field(default_factory=dict)
    """The number of each ticket whose creation was answered."""
    resolved: set[int] = field(default_factory=set)
    assigned: set[int] = field(default_factory=set)
    registered: set[str] = field(default_factory=set)
    """The e-mail of each account whose registration was answered."""
    unknown: set[str] = field(default_factory=set)
    """Sent once, and never answered."""
    strange: list[str] = field(default_factory=list)
    """Answers that nobody should get."""


class Load:
    """`with Load(desk) as load:` customers open tickets and an admin assigns and resolves them, until the end of the block."""

    def __init__(self, desk: Desk) -> None:
        self.promised = Promised()
        self._desk = desk
        self._end = threading.Event()
        self._todo: list[int] = []
        self._admin = desk.client(ADMIN)
        self._assignee = desk.client(OTHER_ADMIN).get("/api/auth/me").json()["id"]
        work: list[tuple[Callable[..., None], tuple[Any, ...]]] = [(self._customer, (desk.client(name), name)) for name in CUSTOMERS]
        self._threads = [
            threading.Thread(target=target, args=arguments) for target, arguments in [*work, (self._newcomers, ()), (self._resolve, ())]
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(_PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads), "somebody waits for an answer for ever"

    def progress(self) -> int:
        """Return how much was acknowledged so far."""
        return len(self.promised.opened) + len(self.promised.resolved)

    def _newcomers(self) -> None:
        client, number = self._desk.client(), 0
        while not self._end.is_set():
            number += 1
            email = f"newcomer-{number}-{self.promised.tag}@example.com"
            body = {"name": "New Comer", "email": email, "password": "a long enough password"}
            answer = self._until_answered(lambda body=body: client.post("/api/auth/register", json=body))  # type: ignore[misc]
            # a registration has no key: one that was done and not answered says that the e-mail is taken
            if answer.status_code in (201, 409):
                self.promised.registered.add(email)
            else:
                self.promised.strange.append(f"{answer.status_code} {answer.text}")
            self._end.wait(_PAUSE)

    def _customer(self, client: httpx2.Client, name: str) -> None:
        number = 0
        while not self._end.is_set():
            number += 1
            title = f"{name} {number} {self.promised.tag}"
            if number % 3:
                self._open_surely(client, title)
            else:
                self._open_once(client, title)
            self._end.wait(_PAUSE)

    def _open_surely(self, client: httpx2.Client, title: str) -> None:
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self._until_answered(lambda: client.post("/api/tickets", json=_ticket(title), headers=key))
        self._opened(title, answer)

    def _open_once(self, client: httpx2.Client, title: str) -> None:
        try:
            answer = client.post("/api/tickets", json=_ticket(title))
        except httpx2.HTTPError:
            self.promised.unknown.add(title)
            return
        if answer.status_code >= 500:
            self.promised.unknown.add(title)
        else:
            self._opened(title, answer)

    def _opened(self, title: str, answer: httpx2.Response) -> None:
        if answer.status_code != 201:
            self.promised.strange.append(f"{answer.status_code} {answer.text}")
            return
        self.promised.opened[title] = answer.json()["id"]
        self._todo.append(answer.json()["id"])

    def _resolve(self) -> None:
        while not self._end.is_set() or self._todo:
            if not self._todo:
                self._end.wait(_PAUSE)
                continue
            ticket = self._todo.pop(0)
            for what, body, done in (
                ("assignee", {"assignee_id": self._assignee}, self.promised.assigned),
                ("status", {"status": "resolved"}, self.promised.resolved),
            ):
                path = f"/api/tickets/{ticket}/{what}"
                answer = self._until_answered(lambda path=path, body=body: self._admin.put(path, json=body))  # type: ignore[misc]
                if answer.status_code == 200:
                    done.add(ticket)
                else:
                    self.promised.strange.append(f"{answer.status_code} {answer.text}")

    def _until_answered(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        while True:
            try:
                answer = send()
            except httpx2.HTTPError:
                pass
            else:
                if answer.status_code < 500:
                    return answer
            threading.Event().wait(_PAUSE)


def _ticket(title: str) -> dict[str, str]:
    return {"title": title, "body": "Opened while things break."}


def everything(client: httpx2.Client, path: str, **query: str) -> list[dict[str, Any]]:
    """Return all items of a list, page after page."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = client.get(path, params={**query, "limit": "100", **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def compare(desk: Desk, promised: Promised) -> None:
    """Demand that everything acknowledged is there once, that what is unknown is there at most once, and that nobody was told twice."""
    assert promised.strange == []
    admin = desk.client(ADMIN)
    titles = Counter(ticket["title"] for ticket in everything(admin, "/api/tickets") if ticket["title"].endswith(promised.tag))
    assert {title: titles[title] for title in promised.opened} == dict.fromkeys(promised.opened, 1)
    assert titles.keys() <= promised.opened.keys() | promised.unknown
    assert set(titles.values()) <= {1}

    mine = {str(number) for number in promised.opened.values()}
    for action, done in (("ticket_assigned", promised.assigned), ("ticket_status_changed", promised.resolved)):
        entries = [entry["entity"]["id"] for entry in everything(admin, "/api/audit", action=action)]
        assert sorted(id_ for id_ in entries if id_ in mine) == sorted(map(str, done)), action

    people = everything(admin, "/api/auth/users", q=promised.tag)
    assert sorted(person["email"] for person in people) == sorted(promised.registered)
    entries = [entry["entity"]["id"] for entry in everything(admin, "/api/audit", action="user_registered")]
    assert {person["id"]: entries.count(person["id"]) for person in people} == {person["id"]: 1 for person in people}

    told = [note["ticket_id"] for note in everything(desk.client(OTHER_ADMIN), "/api/notifications") if str(note["ticket_id"]) in mine]
    assert sorted(told) == sorted(promised.assigned)
    heard: list[int] = []
    for name in CUSTOMERS:
        notes = everything(desk.client(name), "/api/notifications")
        heard += [note["ticket_id"] for note in notes if str(note["ticket_id"]) in mine]
    assert sorted(heard) == sorted(promised.resolved)


def compare_sequences(desk: Desk) -> None:
    """Demand that the audit holds each source's sequences once, and that every store verifies."""
    admin = desk.client(ADMIN)
    entries = [(entry["source"], entry["sequence"]) for entry in everything(admin, "/api/audit")]
    assert len(entries) == len(set(entries))
    answer = admin.post("/api/audit/verify")
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True, answer.text
