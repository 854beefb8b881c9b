"""A person who does everything that the desk lets a person do, in words that nobody else uses; and the search for these in its files."""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.support.desk import Desk
from tests.support.waiting import eventually

PASSWORD = "a long enough password"
TRUSTING = {"STE_TRUSTED_PROXIES": "127.0.0.0/8", "STE_RATE_LIMITS": "on"}
"""What a desk needs so that visitors come from the addresses of the test, and are counted by them."""


@dataclass(frozen=True)
class Canary:
    """One person's words: `mark` stands in all of them but in the addresses, which have a number instead."""

    mark: str
    number: int

    @property
    def name(self) -> str:
        return f'Ünice "{self.mark}name" Zorn'

    @property
    def email(self) -> str:
        return f"{self.mark}mail@example.org"

    @property
    def agent(self) -> str:
        return f"{self.mark}browser/7"

    @property
    def addresses(self) -> tuple[str, str]:
        """Where they come from, and where somebody tries their password."""
        return f"203.0.113.{self.number}", f"198.51.100.{self.number}"

    def text(self, what: str) -> str:
        return f'{self.mark}{what} über "alles" \\ und mehr'

    def words(self) -> list[str]:
        """Return every text of theirs that must not be found anywhere."""
        texts = ("title", "retitled", "body", "rebody", "note", "token")
        return [self.mark, self.name, self.email, self.agent, *self.addresses, *map(self.text, texts)]


def headers(canary: Canary, address: str | None = None) -> dict[str, str]:
    return {"User-Agent": canary.agent, "X-Forwarded-For": address or canary.addresses[0]}


@dataclass(frozen=True)
class Life:
    """What a person left behind: who they are, their tickets, and the client that was signed in."""

    id: str
    tickets: list[int]
    client: httpx2.Client


def lead_a_life(desk: Desk, canary: Canary, admin: httpx2.Client, *, tickets: int = 3) -> Life:
    """Register, fail to sign in, sign in twice, make tokens, open tickets with keys, edit and search them; and let an admin answer."""
    client = desk.client()
    client.headers.update(headers(canary))
    account = {"name": canary.name, "email": canary.email, "password": PASSWORD}
    id_ = _good(client.post("/api/auth/register", json=account))["id"]
    stranger = desk.client()
    for _ in range(2):
        wrong = {"email": canary.email, "password": "not the password at all"}
        refused = stranger.post("/api/auth/login", json=wrong, headers=headers(canary, canary.addresses[1]))
        assert refused.status_code == 401, refused.text
    for _ in range(2):
        _good(client.post("/api/auth/login", json={"email": canary.email, "password": PASSWORD}))
    token = _good(client.post("/api/auth/tokens", json={"name": canary.text("token")}))
    _good(client.delete(f"/api/auth/tokens/{token['id']}"))
    _good(client.post("/api/auth/tokens", json={"name": canary.text("token")}))
    numbers = [_open(client, canary, number) for number in range(tickets)]
    edited = {"title": canary.text("retitled"), "body": canary.text("rebody")}
    _good(client.patch(f"/api/tickets/{numbers[0]}", json=edited))
    _good(client.put("/api/notifications/preferences", json={"email": False}))
    _answer(admin, canary, numbers)
    eventually(lambda: _good(client.get("/api/notifications"))["items"], within=60, what="a notification")
    return Life(id_, numbers, client)


def _open(client: httpx2.Client, canary: Canary, number: int) -> int:
    body = {"title": canary.text("title"), "body": canary.text("body")}
    return int(_good(client.post("/api/tickets", json=body, headers={"Idempotency-Key": f"open-{number}"}))["id"])


def _answer(admin: httpx2.Client, canary: Canary, numbers: Iterable[int]) -> None:
    for number in numbers:
        note = {"body": canary.text("note")}
        _good(admin.post(f"/api/tickets/{number}/notes", json=note, headers={"Idempotency-Key": f"note-{number}"}))
        _good(admin.put(f"/api/tickets/{number}/status", json={"status": "in_progress"}))


def _good(answer: httpx2.Response) -> Any:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def found_in(directory: Path, *canaries: Canary) -> list[tuple[str, str]]:
    """Return (file, word) for every word of theirs that stands in any file, in whatever form it may be kept in.

    As it is, in JSON with and without escapes, as somebody compares it, and as a search index cuts it. A file that goes meanwhile is gone.
    """
    forms = {form: word for canary in canaries for word in canary.words() for form in _forms(word)}
    found = []
    for path in sorted(directory.rglob("*")):
        try:
            data = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        folded = data.lower()
        found += [(str(path.relative_to(directory)), word) for form, word in forms.items() if form in data or form in folded]
    return found


def _forms(word: str) -> Iterator[bytes]:
    for text in {word, word.casefold(), unicodedata.normalize("NFD", word)}:
        yield text.encode()
        yield json.dumps(text)[1:-1].encode()
        yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
    yield word.encode("utf-16-le")
    if len(word) > 6 and word.isalnum():
        yield word[2:].encode()  # an index keeps what is new of a word beside the one before it
