"""People of a test's own, so that no test hears another's bell, and what they do beside the browser."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.support.desk import Desk

PASSWORD = "a-lamp-in-the-hall"
_numbers = itertools.count(1)


@dataclass
class Person:
    """`client` is signed in; `email` and `PASSWORD` sign in elsewhere."""

    desk: Desk
    name: str
    email: str
    client: httpx2.Client = field(repr=False)

    def open_ticket(self, title: str) -> int:
        """Open a ticket and return its number."""
        body = {"title": title, "body": "In the hall, since noon."}
        return int(_good(self.client.post("/api/tickets", json=body))["id"])

    def unread(self) -> int:
        return int(_good(self.client.get("/api/notifications/unread-count"))["count"])


def new_person(desk: Desk, name: str) -> Person:
    """Register somebody and sign them in over the API."""
    email = f"{name.lower()}.{next(_numbers)}@pages.example.org"
    with desk.client() as nobody:
        _good(nobody.post("/api/auth/register", json={"name": name, "email": email, "password": PASSWORD}))
    return Person(desk, name, email, desk.client(email, PASSWORD))


def move(admin: httpx2.Client, ticket: int, status: str) -> None:
    """Change the status of somebody's ticket, of which they hear."""
    _good(admin.put(f"/api/tickets/{ticket}/status", json={"status": status}))


def _good(answer: httpx2.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()
