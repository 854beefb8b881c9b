"""`ste restore --to-position`: the desk as it was after an event of its journal, whatever has happened since, and on from there."""

import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chassis.settings import SERVICES
from deploy.backups.manifest import Manifest
from events.store import SQLITE
from tests.support.backups import Rows, at_rest, caught_up, logs_of, rows_of
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(900)

SEED = 20
POINTS = 2
STEPS_BETWEEN = 25
_WITNESSES = {"watched", "witnessed", "cosignatures", "tiles"}
_MOVES_ON = {"head", "batches", "checkpoints", "projections", "leases", "quotas", "verifications", *_WITNESSES}
"""Tables that say where the writer and its turns are, and who looked when, and not what happened."""
_LATER = {
    "auth": {"sessions": {"last_seen_at", "ended_at"}, "api_tokens": {"last_used_at", "revoked_at"}},
    "notifier": {"inboxes": {"changed"}},
}
"""What stays as it was last, whatever the position: see docs/backup.md."""


class Days:
    """People at work, as dice say."""

    def __init__(self, desk: Desk) -> None:
        self._dice = random.Random(SEED)
        self._users = [desk.client(name) for name in ("usera", "userb")]
        self._admins = [desk.client(name) for name in ("admina", "adminb")]
        self._ids = [client.get("/api/auth/me").json()["id"] for client in (*self._admins, *self._users)]
        self._desk = desk
        self._tickets: list[tuple[Any, int]] = []
        self._people = 0
        self._steps: list[Callable[[], Any]] = [
            *[self._open] * 4,
            *[self._change] * 6,
            self._note,
            self._edit,
            self._register,
            self._token,
            self._sign_in_and_out,
            self._role,
        ]

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            answer = self._dice.choice(self._steps)()
            assert answer.status_code < 300, answer.text

    def _open(self) -> Any:
        user = self._dice.choice(self._users)
        key = {"Idempotency-Key": f"key-{self._dice.random()}"}
        answer = user.post("/api/tickets", json={"title": "Something", "body": "Words."}, headers=key)
        self._tickets.append((user, answer.json()["id"]))
        return answer

    def _ticket(self) -> tuple[Any, int]:
        if not self._tickets:
            self._open()
        return self._dice.choice(self._tickets)

    def _change(self) -> Any:
        what, body = self._dice.choice(
            [
                ("status", {"status": self._dice.choice(["open", "in_progress", "resolved"])}),
                ("priority", {"priority": self._dice.choice(["low", "high", "urgent"])}),
                ("assignee", {"assignee_id": self._dice.choice([None, *self._ids[:2]])}),
            ]
        )
        return self._dice.choice(self._admins).put(f"/api/tickets/{self._ticket()[1]}/{what}", json=body)

    def _note(self) -> Any:
        return self._admins[0].post(f"/api/tickets/{self._ticket()[1]}/notes", json={"body": "Looked at it."})

    def _edit(self) -> Any:
        user, number = self._ticket()
        return user.patch(f"/api/tickets/{number}", json={"title": f"Title {self._dice.random()}"})

    def _register(self) -> Any:
        self._people += 1
        person = {"name": f"Person {self._people}", "email": f"person{self._people}@example.com", "password": "correct horse 9"}
        return self._desk.client().post("/api/auth/register", json=person)

    def _token(self) -> Any:
        return self._users[0].post("/api/auth/tokens", json={"name": "a script"})

    def _sign_in_and_out(self) -> Any:
        return self._desk.client("userc").post("/api/auth/logout")

    def _role(self) -> Any:
        return self._admins[0].patch(f"/api/auth/users/{self._ids[3]}", json={"role": self._dice.choice(["user", "admin"])})


@dataclass
class History:
    """A backup of a whole history, and backups that were made while it grew, by the journal's last position in each."""

    whole: Path
    earlier: Mapping[int, Path]
    end: str
    """Where a reader of `/api/events` stands who has read everything."""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    directory = tmp_path_factory.mktemp("history")
    made: dict[int, Path] = {}

    def keep(desk: Desk, name: str) -> Path:
        eventually(partial(at_rest, desk), within=120, what="rest")
        done = desk.ste("backup", str(directory / name))
        assert done.returncode == 0, done.stderr
        return directory / name

    # one level that is due at once, so that tickets escalate, and jobs fan out
    with Desk(directory / "desk", environment={"STE_ESCALATE_AFTER": "1s"}) as desk:
        days = Days(desk)
        for point in range(POINTS):
            days.go_on(STEPS_BETWEEN)
            path = keep(desk, f"point-{point}")
            made[Manifest.read(path).journal] = path
        days.go_on(STEPS_BETWEEN)
        whole = keep(desk, "whole")
        end = desk.client("admina").get("/api/events", params={"after": "now"}).json()["next"]
    return History(whole, made, end)


def restored(source: Path, directory: Path, *options: str) -> Desk:
    directory.mkdir(parents=True, exist_ok=True)
    desk = Desk(directory, environment={"STE_ESCALATE_AFTER": "1s"})
    done = desk.ste("restore", str(source), *options)
    assert done.returncode == 0, done.stderr
    return desk


def without_the_restore(service: str, rows: Rows, position: int, sequence: int) -> Rows:
    """Return the rows but for what the restore itself has written."""
    for table, last in (("journal", position), ("audit", position), ("events", sequence)):
        if table in rows:
            rows[table] = [row for row in rows[table] if row[0] <= last]
    return {name: found for name, found in rows.items() if name not in _MOVES_ON}


def test_a_desk_restored_to_a_position_is_the_desk_that_was_backed_up_there(history: History, tmp_path: Path) -> None:
    """Every table of every store, primary and derived."""
    assert len(history.earlier) == POINTS
    for position, earlier in history.earlier.items():
        desk = restored(history.whole, tmp_path / str(position), "--to-position", str(position))
        for service in SERVICES:
            last = Manifest.read(earlier).stores[service].sequence
            then = without_the_restore(service, rows_of(earlier / f"{service}.sqlite3", _LATER.get(service)), position, last)
            now = without_the_restore(service, rows_of(desk.data_dir / f"{service}.sqlite3", _LATER.get(service)), position, last)
            assert {name: rows for name, rows in now.items() if then[name] != rows} == {}
            assert then.keys() == now.keys()
        shutil.rmtree(desk.directory)


def test_at_any_position_the_desk_is_what_its_journal_tells(history: History, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    end = Manifest.read(history.whole).journal
    journal = {row[0]: (row[1], row[2]) for row in rows_of(history.whole / "tickets.sqlite3")["journal"]}
    logs = logs_of(history.whole)
    for position in sorted({0, 1, end, *dice.sample(range(2, end), 2)}):
        desk = restored(history.whole, tmp_path / str(position), "--to-position", str(position))
        kept = {service: sum(source == f"/{service}" for at, (source, _) in journal.items() if at <= position) for service in SERVICES}
        after = logs_of(desk.data_dir)
        for service in SERVICES:
            hashes = [event.hash for event in logs[service]][: kept[service]]
            assert [event.hash for event in after[service]][:-1] == hashes
            assert after[service][-1].type == "store.restored"
        ids = {event.id for log in after.values() for event in log}
        assert [event for log in after.values() for event in log if event.causationid and event.causationid not in ids] == []
        people = {event.subject[5:] for event in after["auth"] if event.type == "user.registered"}
        auth, notifier = (rows_of(desk.data_dir / f"{name}.sqlite3") for name in ("auth", "notifier"))
        assert {row[0] for row in auth["credentials"]} == people
        told = [row for row in notifier["notifications"] if not ids & set(map(str, row))]
        assert told == []
        assert {row[0] for row in notifier["inboxes"]} == {row[2] for row in notifier["notifications"]}
        assert [row for row in notifier["jobs"] if row[2] in ("queued", "processing")] == []
        shutil.rmtree(desk.directory)


_COLUMNS = ("id", "title", "body", "priority", "status", "escalated_at", "escalation_level", "created_at", "updated_at", "version")


def test_the_past_of_a_desk_is_what_one_restored_to_it_holds(history: History, tmp_path: Path) -> None:
    """`?at=` and a restore come to the same by ways that have nothing in common."""
    whole = restored(history.whole, tmp_path / "whole")
    with whole:
        admin = whole.client("admina")
        for position, earlier in history.earlier.items():
            at = {"at": str(Manifest.read(earlier).stores["tickets"].sequence)}
            then = restored(history.whole, tmp_path / str(position), "--to-position", str(position))
            tickets, counts = _desk_of(then.data_dir / "tickets.sqlite3")
            listed = admin.get("/api/tickets", params={**at, "sort": "created_at", "limit": "100"}).json()
            assert listed["next_cursor"] is None
            assert [ticket["id"] for ticket in listed["items"]] == [ticket["id"] for ticket in tickets] != []
            for held, ticket in zip(tickets, listed["items"], strict=True):
                shown = admin.get(f"/api/tickets/{ticket['id']}", params=at).json()
                assert _facts(shown) == held
                assert {**shown, "body": None} == {**ticket, "body": None}
            shown = admin.get("/api/tickets/counts", params=at).json()
            assert {name: shown[name] for name in counts} == counts
            shutil.rmtree(then.directory)


def _desk_of(store: Path) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the tickets and the counts of all, as the tables of a desk that does not run hold them."""
    with closing(SQLITE.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        rows = connection.execute(f"SELECT {', '.join(_COLUMNS)}, requester, assignee FROM tickets ORDER BY created_at, id")
        tickets = [dict(zip((*_COLUMNS, "requester", "assignee"), row, strict=True)) for row in rows]
        counted = ("open", "in_progress", "resolved", "escalated")
        (row,) = connection.execute(f"SELECT {', '.join(counted)} FROM ticket_counts WHERE scope = 'all'")
    return tickets, dict(zip(counted, row, strict=True))


def _facts(shown: dict[str, Any]) -> dict[str, Any]:
    people = {"requester": shown["requester"]["id"], "assignee": shown["assignee"]["id"] if shown["assignee"] else None}
    return {name: shown[name] for name in _COLUMNS} | people


def test_a_desk_goes_on_from_a_position_and_can_be_restored_again(history: History, tmp_path: Path) -> None:
    first, second = sorted(history.earlier)[:2]
    desk = restored(history.whole, tmp_path / "desk", "--to-position", str(second))
    with desk:
        eventually(partial(caught_up, desk), within=60, what="every consumer at its source's end")
        user, admin = desk.client("usera"), desk.client("admina")
        beyond = admin.get("/api/events", params={"after": history.end})
        assert beyond.status_code == 410, beyond.text
        later = admin.get("/api/events", params={"after": beyond.json()["cut"]}).json()["items"]
        assert later[0]["event"]["head"]["type"] == "store.restored"
        heard = user.get("/api/notifications/unread-count").json()["count"]
        number = user.post("/api/tickets", json={"title": "After", "body": "Words."}).json()["id"]
        assert admin.put(f"/api/tickets/{number}/status", json={"status": "resolved"}).status_code == 200
        eventually(lambda: user.get("/api/notifications/unread-count").json()["count"] >= heard + 1, within=60, what="a notification")
        assert desk.ste("audit", "verify").returncode == 0
        place = admin.get("/api/events", params={"after": beyond.json()["cut"], "limit": 2}).json()["next"]
        again = desk.ste("backup", str(tmp_path / "again"))
        assert again.returncode == 0, again.stderr
    # beyond, below and at the first restore; the last by the position as a reader of the feed has it
    for options in ((), ("--to-position", str(first)), ("--to-position", place)):
        desk = restored(tmp_path / "again", tmp_path / "desk", "--replace", *options)
        origins = [len({event.origin for event in log}) for log in logs_of(desk.data_dir).values()]
        assert max(origins) == (2 if str(first) in options else 3)
        with desk:
            eventually(partial(caught_up, desk), within=60, what="every consumer at its source's end")
            assert desk.ste("audit", "verify").returncode == 0
            assert desk.client("usera").post("/api/tickets", json={"title": "On", "body": "Words."}).status_code == 201


def test_a_position_that_the_journal_does_not_have_is_refused_and_nothing_is_changed(history: History, tmp_path: Path) -> None:
    desk = restored(history.whole, tmp_path / "desk")
    before = {service: rows_of(desk.data_dir / f"{service}.sqlite3") for service in SERVICES}
    end = Manifest.read(history.whole).journal
    refused = desk.ste("restore", str(history.whole), "--replace", "--to-position", str(end + 1))
    assert refused.returncode == 1
    assert f"ends at position {end}" in refused.stderr
    assert {service: rows_of(desk.data_dir / f"{service}.sqlite3") for service in SERVICES} == before
    assert not (desk.data_dir / ".restored").exists()


def test_a_restore_that_is_killed_leaves_the_old_desk_or_the_new_one(history: History, tmp_path: Path) -> None:
    """Whenever it dies: what was there is untouched, or the same command ends what was begun."""
    desk = restored(history.whole, tmp_path / "desk")
    dice = random.Random(SEED)
    for _ in range(3):
        command = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "restore", str(history.whole), "--replace"],
            env=desk.environment,
            cwd=desk.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        places: list[Callable[[], bool]] = [
            (desk.data_dir / name).exists for name in (".restored", ".restored/escalator.sqlite3", "restore.json", "replaced")
        ]
        place = dice.choice(places)
        eventually(lambda place=place, command=command: place() or command.poll() is not None, within=60, what="a place")  # type: ignore[misc]
        command.kill()
        command.wait()
        if (desk.data_dir / "restore.json").exists():
            assert desk.ste("up").returncode == 1
        ended = desk.ste("restore", str(history.whole), "--replace")
        assert ended.returncode == 0, ended.stderr
        shutil.rmtree(desk.data_dir / "replaced", ignore_errors=True)
    with desk:
        assert desk.ste("audit", "verify").returncode == 0
