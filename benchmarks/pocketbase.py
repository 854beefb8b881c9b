"""PocketBase as a peer: one collection with a ticket's fields, an index on `created`, and open rules, so that nobody need sign in.

Everything else is as it comes: SQLite with synchronous NORMAL, no audit, no events, no other process. Its lists are asked for without the
total, which would cost it a count of all records and which the desk does not give either.
"""

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.waiting import wait_for
from deploy.ports import free_ports
from events.store import SQLITE

BODY = (
    '{"title":"The printer on the second floor burns","body":"It began this morning, in tray 2.",'
    '"status":"open","priority":"normal","requester":"0192f0c1-2345-7abc-8def-0123456789ab"}'
)
RECORDS = "/api/collections/tickets/records"
LIST = f"{RECORDS}?perPage=25&sort=-created&skipTotal=1"
_OWNER = "bench@benchmarks.example"
_TEXTS = {"title": 200, "body": 20_000, "status": 16, "priority": 16, "requester": 64, "assignee": 64}
_COLLECTION: dict[str, Any] = {
    "name": "tickets",
    "type": "base",
    **dict.fromkeys(("listRule", "viewRule", "createRule"), ""),
    "fields": [
        *({"name": name, "type": "text", "max": most, "required": name in {"title", "body"}} for name, most in _TEXTS.items()),
        {"name": "escalation_level", "type": "number"},
        {"name": "created", "type": "autodate", "onCreate": True},
        {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
    ],
    "indexes": ["CREATE INDEX tickets_by_created ON tickets (created)"],
}
_INSERT = "INSERT INTO tickets (id, title, body, status, priority, requester, created, updated) VALUES (?, ?, ?, 'open', 'normal', ?, ?, ?)"


def record_id(number: int) -> str:
    """Return the id of a record that was put in before: 15 characters, as PocketBase's own."""
    return f"r{number:014d}"


@contextmanager
def pocketbase(program: Path, directory: Path, records: int) -> Iterator[str]:
    """Run it with so many records for as long as the block runs, and give its address."""
    directory.mkdir(parents=True)
    with _serving(program, directory) as url:
        _make_collection(program, directory, url)
    _fill(directory / "data" / "data.db", records)
    with _serving(program, directory) as url:
        yield url


def _options(directory: Path) -> list[str]:
    return ["--dir", str(directory / "data"), "--migrationsDir", str(directory / "migrations")]


@contextmanager
def _serving(program: Path, directory: Path) -> Iterator[str]:
    (port,) = free_ports(1)
    command = [str(program), "serve", "--http", f"127.0.0.1:{port}", *_options(directory)]
    with (directory / "log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, env=_plain_environment())
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/api/health")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("STE_")}


def _make_collection(program: Path, directory: Path, url: str) -> None:
    password = secrets.token_hex(16)
    command = [str(program), "superuser", "upsert", _OWNER, password, *_options(directory)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=directory, env=_plain_environment())
    with httpx2.Client(base_url=url, trust_env=False, timeout=30.0) as client:
        signed_in = client.post("/api/collections/_superusers/auth-with-password", json={"identity": _OWNER, "password": password})
        signed_in.raise_for_status()
        client.post("/api/collections", json=_COLLECTION, headers={"Authorization": signed_in.json()["token"]}).raise_for_status()


def _fill(database: Path, records: int) -> None:
    began = datetime.fromtimestamp(time.time() - records, UTC)
    text = "It began this morning, in tray 2, and has burnt ever since; nobody dares to go near it. " * 2

    def rows() -> Iterator[tuple[str, ...]]:
        for number in range(1, records + 1):
            at = (began + timedelta(seconds=number)).strftime("%Y-%m-%d %H:%M:%S.") + "000Z"
            yield record_id(number), f"The printer on floor {number} burns", text, f"person-{number % 200}", at, at

    connection = SQLITE.connect(database)
    try:
        connection.executemany(_INSERT, rows())
        connection.commit()
    finally:
        connection.close()
