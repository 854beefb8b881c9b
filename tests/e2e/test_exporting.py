"""`ste export` and `ste import desk`: a desk as lines of text, and the same desk made of them elsewhere."""

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from chassis.settings import SERVICES
from tests.support.backups import at_rest, caught_up, logs_of, rows_of
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)


class Made:
    """A desk that worked, a backup of it as the measure, and two exports: with and without what stands in no event."""

    def __init__(self, directory: Path) -> None:
        self.backup, self.whole, self.events_alone = directory / "backup", directory / "whole", directory / "events"


def copy(desk: Desk, *command: str | Path) -> None:
    done = desk.ste(*map(str, command))
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    directory = tmp_path_factory.mktemp("exports")
    found = Made(directory)
    with Desk(directory / "desk", environment={"STE_ESCALATE_AFTER": "1s"}) as desk:
        user, admin = desk.client("usera"), desk.client("admina")
        for title in ("Zażółć gęślą jaźń 🐢", "It says \u2028 here", "Plain"):
            number = user.post("/api/tickets", json={"title": title, "body": "It\nbroke."}).json()["id"]
            assert admin.put(f"/api/tickets/{number}/status", json={"status": "resolved"}).status_code == 200
        assert user.put("/api/notifications/preferences", json={"email": False}).status_code == 200
        assert user.post("/api/auth/tokens", json={"name": "a script"}).status_code == 201
        eventually(partial(at_rest, desk), within=120, what="rest")
        copy(desk, "export", found.events_alone)
    # of a desk that is stopped, so that nothing but the entry of the first in the audit is between these two
    copy(desk, "backup", found.backup)
    copy(desk, "export", found.whole, "--primary")
    return found


def imported(source: Path, directory: Path) -> Desk:
    directory.mkdir()
    desk = Desk(directory, demo=False, environment={"STE_ESCALATE_AFTER": "1s"})
    stores = json.loads((source / "desk.json").read_text())["stores"]
    done = desk.ste("import", "desk", str(source), *(f"--key={key}" for store in stores.values() for key in store["keys"]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(a key that you trust)") == sum(store["events"] > 0 for store in stores.values())
    return desk


def test_an_export_is_every_event_as_it_is_stored_with_what_vouches_for_it(made: Made) -> None:
    said = json.loads((made.events_alone / "desk.json").read_text())
    for service, log in logs_of(made.backup).items():
        lines = (made.events_alone / f"{service}.jsonl").read_bytes().splitlines()
        assert len(lines) == len(log) - (service == "tickets"), "the export is in the backup's audit"
        assert lines == [event.wire() for event in log[: len(lines)]]
        assert said["stores"][service]["events"] == len(lines)
        notes = [json.loads(line) for line in (made.events_alone / f"{service}.checkpoints.jsonl").read_text().splitlines()]
        assert (max((note["size"] for note in notes), default=0)) == len(lines)
    for name, digest in said["files"].items():
        assert hashlib.sha256((made.events_alone / name).read_bytes()).hexdigest() == digest


def test_what_stands_in_no_event_goes_along_only_when_that_is_asked_for(made: Made) -> None:
    assert not (made.events_alone / "primary").exists()
    assert not (made.events_alone / "secrets").exists()
    hashes = [row[3] for row in rows_of(made.backup / "auth.sqlite3")["credentials"]]
    assert all(hash_ for hash_ in hashes)
    text = b"".join(path.read_bytes() for path in made.events_alone.rglob("*") if path.is_file()).decode()
    assert [hash_ for hash_ in hashes if hash_ in text] == []
    there = (made.whole / "primary" / "auth.credentials.jsonl").read_text()
    assert all(hash_ in there for hash_ in hashes)
    assert all(path.stat().st_mode & 0o077 == 0 for path in [made.whole, *made.whole.rglob("*")])


def test_an_imported_desk_has_the_same_rows_in_every_table(made: Made, tmp_path: Path) -> None:
    desk = imported(made.whole, tmp_path / "there")
    moved = {"head", "batches", "checkpoints", "projections", "leases", "sessions", "counters", "kept_answers", "quotas"}
    moved |= {"watched", "witnessed", "cosignatures", "tiles"}
    for service in SERVICES:
        before, after = (rows_of(place / f"{service}.sqlite3") for place in (made.backup, desk.data_dir))
        assert before.keys() == after.keys()
        for name in before.keys() - moved:
            assert set(before[name]) <= set(after[name]), f"{service}.{name}"
            if name not in ("events", "journal", "audit"):
                assert before[name] == after[name], f"{service}.{name}"
    log, before_it = logs_of(desk.data_dir)["tickets"], logs_of(made.backup)["tickets"]
    assert [event.hash for event in log[: len(before_it)]] == [event.hash for event in before_it]
    assert [event.type for event in log[len(before_it) :]] == ["desk.copied", "store.restored"]
    with desk:
        eventually(partial(caught_up, desk), within=60, what="every consumer at its source's end")
        assert desk.ste("audit", "verify").returncode == 0
        user, admin = desk.client("usera"), desk.client("admina")
        heard = user.get("/api/notifications/unread-count").json()["count"]
        assert heard > 0
        number = user.post("/api/tickets", json={"title": "Here", "body": "Now."}).json()["id"]
        assert number == max(row[0] for row in rows_of(made.backup / "tickets.sqlite3")["tickets"]) + 1
        admin.put(f"/api/tickets/{number}/status", json={"status": "resolved"})
        eventually(lambda: user.get("/api/notifications/unread-count").json()["count"] == heard + 1, within=60, what="one notification")


def test_a_desk_of_events_alone_needs_somebody_who_can_sign_in(made: Made, tmp_path: Path) -> None:
    desk = imported(made.events_alone, tmp_path / "there")
    with desk:
        answer = desk.client().post("/api/auth/login", json={"email": "usera@example.com", "password": "demo123"})
        assert answer.status_code == 401
        taken = desk.ste(
            "user", "create-admin", "--name", "A", "--email", "usera@example.com", "--password-stdin", text="correct horse 9\n"
        )
        assert taken.returncode == 1
        new = desk.ste("user", "create-admin", "--name", "New", "--email", "new@example.com", "--password-stdin", text="correct horse 9\n")
        assert new.returncode == 0, new.stderr
        seen = desk.client("new@example.com", "correct horse 9").get("/api/tickets").json()["items"]
        assert {ticket["id"] for ticket in seen} == {row[0] for row in rows_of(made.backup / "tickets.sqlite3")["tickets"]}
        assert desk.ste("audit", "verify").returncode == 0


def tamper_with_a_byte(export: Path) -> None:
    path = export / "tickets.jsonl"
    path.write_bytes(path.read_bytes().replace(b"It\\nbroke.", b"It\\nworks.", 1))


def drop_a_line(export: Path) -> None:
    lines = (export / "tickets.jsonl").read_bytes().splitlines(keepends=True)
    (export / "tickets.jsonl").write_bytes(b"".join(lines[:5] + lines[6:]))


def cut_the_tail(export: Path) -> None:
    lines = (export / "auth.jsonl").read_bytes().splitlines(keepends=True)
    (export / "auth.jsonl").write_bytes(b"".join(lines[:-1]))


def swap_in_the_journal(export: Path) -> None:
    lines = (export / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (export / "journal.jsonl").write_bytes(b"".join([*lines[1::-1], *lines[2:]]))


def forge_a_checkpoint(export: Path) -> None:
    path = export / "tickets.checkpoints.jsonl"
    path.write_bytes(path.read_bytes().replace(b"ste/tickets/", b"ste/tickets/0", 1))


@pytest.mark.parametrize("tamper", [tamper_with_a_byte, drop_a_line, cut_the_tail, swap_in_the_journal, forge_a_checkpoint])
def test_an_export_that_was_changed_is_refused_even_with_a_new_manifest(made: Made, tmp_path: Path, tamper: object) -> None:
    assert callable(tamper)
    export = shutil.copytree(made.events_alone, tmp_path / "changed")
    tamper(export)
    (tmp_path / "there").mkdir()
    desk = Desk(tmp_path / "there")
    refused = desk.ste("import", "desk", str(export))
    assert refused.returncode == 1
    assert "is not the file that was written" in refused.stderr
    said = json.loads((export / "desk.json").read_text())
    said["files"] = {name: hashlib.sha256((export / name).read_bytes()).hexdigest() for name in said["files"]}
    (export / "desk.json").write_text(json.dumps(said))
    refused = desk.ste("import", "desk", str(export))
    assert refused.returncode == 1, refused.stdout
    assert not list(desk.data_dir.glob("*.sqlite3"))
    assert not (desk.data_dir / ".restored").exists()


def test_a_desk_is_imported_into_an_empty_directory_alone(made: Made, tmp_path: Path) -> None:
    desk = imported(made.events_alone, tmp_path / "there")
    refused = desk.ste("import", "desk", str(made.events_alone))
    assert refused.returncode == 1
    assert "There is a desk" in refused.stderr
