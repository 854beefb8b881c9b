"""`ste backup` and `ste restore` against real desks: one cut under load, whole or not there, and a desk that goes on from it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from chassis.settings import SERVICES
from deploy.backups.checking import check_files, check_stores, files_in
from deploy.backups.manifest import Manifest, sha256_of
from deploy.refusal import Refusal
from tests.support.backups import caught_up, logs_of, rows_of
from tests.support.desk import Desk
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk with two processes of tickets that may be killed, and is whole again when a test ends."""
    with Desk(tmp_path_factory.mktemp("busy"), environment={"STE_TICKETS_PROCESSES": "2"}) as running:
        yield running


def another(directory: Path, **environment: str) -> Desk:
    """Return a desk that is not started, in a directory that is there."""
    directory.mkdir(parents=True, exist_ok=True)
    return Desk(directory, environment=environment)


def open_ticket(client: httpx2.Client, title: str) -> int:
    answer = client.post("/api/tickets", json={"title": title, "body": "It does not work."})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def resolve(client: httpx2.Client, number: int) -> None:
    answer = client.put(f"/api/tickets/{number}/status", json={"status": "resolved"})
    assert answer.status_code == 200, answer.text


class Load:
    """Clients at work, each in a thread: they open tickets and resolve them, and keep what was acknowledged."""

    def __init__(self, desk: Desk, clients: int = 4) -> None:
        self.acknowledged: list[tuple[float, int]] = []
        self.failures: list[str] = []
        self.slowest = 0.0
        self._over = threading.Event()
        self._signed_in = [(desk.client("usera"), desk.client("admina")) for _ in range(clients)]
        self._threads = [threading.Thread(target=self._work, args=pair) for pair in self._signed_in]

    def _work(self, user: httpx2.Client, admin: httpx2.Client) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                number = open_ticket(user, "Under load")
                self.acknowledged.append((time.monotonic(), number))
                resolve(admin, number)
            except (AssertionError, httpx2.HTTPError) as error:
                self.failures.append(repr(error))
                return
            self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def loaded(busy: Desk, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Load, float]:
    """A backup that was made under load, the load, and when it was asked for."""
    target = tmp_path_factory.mktemp("kept") / "backup"
    with Load(busy) as load:
        eventually(lambda: len(load.acknowledged) > 40, within=60, what="forty tickets")
        asked = time.monotonic()
        made = busy.ste("backup", str(target))
        assert made.returncode == 0, made.stderr
        more = len(load.acknowledged)
        eventually(lambda: len(load.acknowledged) > more + 10 or load.failures, within=60, what="work after the backup")
    assert load.failures == []
    return target, load, asked


def test_everything_that_was_acknowledged_before_a_backup_is_in_it(loaded: tuple[Path, Load, float]) -> None:
    target, load, asked = loaded
    before = {number for at, number in load.acknowledged if at < asked}
    kept = {row[0] for row in rows_of(target / "tickets.sqlite3")["tickets"]}
    assert len(before) > 40
    assert before - kept == set()


def test_a_backup_under_load_is_one_cut(loaded: tuple[Path, Load, float]) -> None:
    """Nobody has consumed what its owner does not have, and nothing follows from what is not there."""
    target, _load, _asked = loaded
    logs = logs_of(target)
    for service in SERVICES:
        for source, origin, sequence, hash_ in rows_of(target / f"{service}.sqlite3")["consumed"]:
            log = logs[source.strip("/")]
            assert sequence <= len(log), f"{service} has consumed {sequence} of {source}, which has {len(log)}"
            assert (log[sequence - 1].origin, log[sequence - 1].hash) == (origin, hash_)
    told = {event.id for log in logs.values() for event in log}
    caused = [event for log in logs.values() for event in log if event.causationid]
    assert [event for event in caused if event.causationid not in told] == []
    heard = rows_of(target / "notifier.sqlite3", {})["notifications"]
    assert len(heard) > 10
    assert [row for row in heard if not told & set(map(str, row))] == []


def test_a_backup_is_verified_and_says_what_it_holds(loaded: tuple[Path, Load, float]) -> None:
    target, _load, _asked = loaded
    manifest = Manifest.read(target)
    check_files(target, manifest)
    reports = check_stores(files_in(target), {name: [entry.key] for name, entry in manifest.stores.items()})
    assert all(report.events == manifest.stores[name].sequence for name, report in reports.items())
    journal = rows_of(target / "tickets.sqlite3")["journal"]
    assert manifest.journal == len(journal) > 100
    assert all(path.stat().st_mode & 0o077 == 0 for path in [target, *target.rglob("*")])
    assert sorted(manifest.secrets) == sorted(path.name for path in (target / "secrets").iterdir())
    assert sorted(path.name for path in target.parent.iterdir()) == ["backup"]


def test_the_audit_names_every_copy_that_was_taken(loaded: tuple[Path, Load, float], busy: Desk, tmp_path: Path) -> None:
    target, _load, _asked = loaded
    assert busy.ste("export", str(tmp_path / "text"), "--primary").returncode == 0
    last, *_, first = audited_copies(busy)
    assert first["position"] == Manifest.read(target).journal
    assert (first["kind"], first["primary"], first["digest"]) == ("backup", True, sha256_of(target / "manifest.json"))
    assert (last["kind"], last["primary"], last["digest"]) == ("export", True, sha256_of(tmp_path / "text" / "desk.json"))


def audited_copies(desk: Desk) -> list[dict[str, Any]]:
    items = desk.client("admina").get("/api/audit", params={"action": "desk_copied"}).json()["items"]
    return [item["after"] for item in items]


def test_a_backup_with_one_other_byte_is_not_restored(loaded: tuple[Path, Load, float], tmp_path: Path) -> None:
    target, _load, _asked = loaded
    for name in ("notifier.sqlite3", "secrets/pepper"):
        copy = shutil.copytree(target, tmp_path / name.replace("/", "-"))
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        refused = another(tmp_path / "nowhere").ste("restore", str(copy))
        assert refused.returncode == 1
        assert name in refused.stderr
    assert not list((tmp_path / "nowhere" / "var").glob("*.sqlite3"))


def test_a_restored_desk_equals_the_backup_and_goes_on(loaded: tuple[Path, Load, float], tmp_path: Path) -> None:
    target, _load, _asked = loaded
    elsewhere = another(tmp_path / "elsewhere")
    done = elsewhere.ste("restore", str(target))
    assert done.returncode == 0, done.stderr
    assert "restore it again with --erasures FILE" in done.stdout
    assert "which API tokens were revoked since" in done.stdout
    moved = {"head", "batches", "checkpoints", "projections", "leases"}
    for service in SERVICES:
        before, after = (rows_of(place / f"{service}.sqlite3", {"sessions": {"ended_at"}}) for place in (target, elsewhere.data_dir))
        assert before.keys() == after.keys()
        grown = {name for name in before.keys() - moved if before[name] != after[name]}
        assert grown <= {"events", "journal", "audit"}
        assert all(set(before[name]) < set(after[name]) for name in grown)
    log_before = logs_of(target)
    told = sum(len(rows) for rows in [rows_of(target / "notifier.sqlite3")["notifications"]])
    with elsewhere:
        assert elsewhere.ste("audit", "verify").returncode == 0
        eventually(lambda: caught_up(elsewhere), within=60, what="every consumer at its source's end")
        user, admin = elsewhere.client("usera"), elsewhere.client("admina")
        heard = user.get("/api/notifications/unread-count").json()["count"]
        number = open_ticket(user, "After the restore")
        resolve(admin, number)
        eventually(lambda: user.get("/api/notifications/unread-count").json()["count"] == heard + 1, within=60, what="one notification")
        assert number == max(row[0] for row in rows_of(target / "tickets.sqlite3")["tickets"]) + 1
        eventually(lambda: caught_up(elsewhere), within=60, what="every consumer at its source's end")
        broker_holds_the_log(elsewhere)
    log_after = logs_of(elsewhere.data_dir)
    for service, log in log_before.items():
        restored = log_after[service][len(log)]
        assert [event.hash for event in log] == [event.hash for event in log_after[service][: len(log)]]
        assert (restored.type, restored.subject) == ("store.restored", f"store/{service}")
        assert json.loads(restored.data)["cut"] == len(log)
        assert restored.origin not in {event.origin for event in log}
    notices = rows_of(elsewhere.data_dir / "notifier.sqlite3")["jobs"]
    keys = [value for row in notices for value in row if isinstance(value, str) and value.endswith(":in_app")]
    assert len(keys) == len(set(keys)) >= told + 1, "what was not consumed at the backup is told now, and nothing twice"


def broker_holds_the_log(desk: Desk) -> None:
    with desk.operator() as operator:
        for name in SERVICES:
            eventually(lambda name=name: _relayed(operator, name), within=60, what=f"all of {name} at the broker")  # type: ignore[misc]


def _relayed(operator: Any, name: str) -> bool:
    told = operator.get(name, "/internal/caught-up")
    return bool(told["relayed"] == told["head"])


def test_a_directory_inside_of_the_desks_own_is_refused(busy: Desk) -> None:
    for command in ("backup", "export"):
        refused = busy.ste(command, str(busy.data_dir / "copy"))
        assert refused.returncode == 1
        assert "inside of the desk's own directory" in refused.stderr
    assert not list(busy.data_dir.glob("*copy*"))


def test_a_directory_that_is_not_empty_is_refused(busy: Desk, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear all,")
    refused = busy.ste("backup", str(tmp_path / "mine"))
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    missing = busy.ste("backup", str(tmp_path / "no" / "such"))
    assert missing.returncode == 1


def test_a_desk_is_not_restored_over_another_unless_that_is_said(loaded: tuple[Path, Load, float], busy: Desk) -> None:
    target, _load, _asked = loaded
    while_it_runs = busy.ste("restore", str(target), "--replace")
    assert while_it_runs.returncode == 1
    assert "running" in while_it_runs.stderr


def test_a_service_that_is_paused_keeps_a_backup_from_being_made_and_nobody_else_waits(busy: Desk, tmp_path: Path) -> None:
    with busy.paused("escalator"):
        began = time.monotonic()
        command = subprocess.Popen([sys.executable, "-m", "deploy.cli", "backup", str(tmp_path / "b")], env=busy.environment, cwd=tmp_path)
        user = busy.client("usera")
        open_ticket(user, "While a backup waits for a paused service")
        assert time.monotonic() - began < 60
    assert command.wait(120) in (0, 1)  # the service may have come back in time for another try
    assert (tmp_path / "b").exists() == (command.returncode == 0)
    eventually(lambda: busy.answers("escalator"), within=60, what="the escalator again")


def hold(desk: Desk, name: str, id_: str, seconds: float = 3.0) -> Any:
    with desk.operator() as operator:
        return operator.post(name, "/internal/backup/hold", {"id": id_, "seconds": seconds})


def test_a_hold_that_nobody_ends_ends_by_itself(busy: Desk) -> None:
    """As when `ste` dies between two of its steps."""
    user = busy.client("usera")
    before = hold(busy, "tickets", "crashed", 0.5)["sequence"]
    number = open_ticket(user, "Behind a hold")
    with busy.operator() as operator:
        assert operator.post("tickets", "/internal/backup/release", {"id": "crashed"}) == {"held": False}
        with pytest.raises(Refusal, match="404"):
            operator.post("tickets", "/internal/backup/copy", {"id": "crashed", "path": "/nowhere"})
        head = operator.get("tickets", "/internal/caught-up")["head"]
    assert head > before
    assert user.get(f"/api/tickets/{number}").status_code == 200


def test_a_snapshot_is_of_the_moment_of_the_hold_and_only_one_backup_at_a_time_is_made(busy: Desk, tmp_path: Path) -> None:
    user = busy.client("usera")
    before = hold(busy, "tickets", "mine")["sequence"]
    with pytest.raises(Refusal, match="under way"):
        hold(busy, "tickets", "yours")
    with busy.operator() as operator:
        assert operator.post("tickets", "/internal/backup/release", {"id": "mine"}) == {"held": True}
        number = open_ticket(user, "After the cut")
        operator.post("tickets", "/internal/backup/copy", {"id": "mine", "path": str(tmp_path / "copy")})
    rows = rows_of(tmp_path / "copy")
    assert len(rows["events"]) == before
    assert max(row[0] for row in rows["tickets"]) == number - 1


@pytest.mark.parametrize("path", ["relative", "/no/such/directory/copy", "/dev/null"])
def test_a_copy_goes_into_a_new_file_or_nowhere(busy: Desk, path: str) -> None:
    hold(busy, "auth", "mine")
    with busy.operator() as operator:
        operator.post("auth", "/internal/backup/release", {"id": "mine"})
        with pytest.raises(Refusal, match="422"):
            operator.post("auth", "/internal/backup/copy", {"id": "mine", "path": path})
        with suppress(Refusal):
            operator.post("auth", "/internal/backup/drop", {"id": "mine"})
    hold(busy, "auth", "next")
    with busy.operator() as operator:
        operator.post("auth", "/internal/backup/drop", {"id": "next"})


@contextmanager
def backing_up(desk: Desk, target: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "backup", str(target)], env=desk.environment, cwd=desk.directory, stderr=subprocess.PIPE
    )
    try:
        yield command
    finally:
        command.kill()
        command.wait()
        assert command.stderr is not None
        command.stderr.close()


def draft_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.unfinished")


STEPS: dict[str, Callable[[Path], bool]] = {
    "it has begun": lambda target: draft_of(target).exists(),
    "a store is being copied": lambda target: any(draft_of(target).glob("*.sqlite3")),
    "the secrets are copied": lambda target: (draft_of(target) / "secrets").exists(),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_backup_whose_command_is_killed_leaves_nothing_that_looks_whole(busy: Desk, tmp_path: Path, step: str) -> None:
    target = tmp_path / "b"
    with backing_up(busy, target) as command:
        eventually(lambda: STEPS[step](target) or command.poll() is not None, within=60, what=step)
        command.send_signal(signal.SIGKILL)
    whole_or_not_there(target)
    open_ticket(busy.client("usera"), f"After ste died when {step}")
    again = eventually(lambda: succeeded(busy, target if not target.exists() else tmp_path / "c"), within=90, what="another backup")
    assert again
    assert not draft_of(target).exists()


@pytest.mark.parametrize("step", list(STEPS)[:2])
def test_a_backup_during_which_a_service_is_killed_leaves_nothing_that_looks_whole(busy: Desk, tmp_path: Path, step: str) -> None:
    target = tmp_path / "b"
    old = busy.pid("tickets")
    with backing_up(busy, target) as command:
        eventually(lambda: STEPS[step](target) or command.poll() is not None, within=60, what=step)
        os.kill(old, signal.SIGKILL)
        command.wait(120)
    whole_or_not_there(target)
    assert target.exists() == (command.returncode == 0)
    busy.wait_for_restart("tickets", old, within=60)
    open_ticket(busy.client("usera"), f"After tickets died when {step}")
    assert eventually(lambda: succeeded(busy, tmp_path / "c"), within=120, what="another backup")
    assert busy.ste("audit", "verify").returncode == 0


def succeeded(desk: Desk, target: Path) -> bool:
    """Try a backup once; a service may still be busy with one that nobody waits for any more."""
    return desk.ste("backup", str(target)).returncode == 0


def whole_or_not_there(target: Path) -> None:
    if target.exists():
        manifest = Manifest.read(target)
        check_files(target, manifest)
        check_stores(files_in(target), {name: [entry.key] for name, entry in manifest.stores.items()})


def test_a_desk_that_is_stopped_can_be_copied_too(tmp_path: Path, loaded: tuple[Path, Load, float]) -> None:
    source, _load, _asked = loaded
    stopped = another(tmp_path / "stopped")
    assert stopped.ste("restore", str(source)).returncode == 0
    made = stopped.ste("backup", str(tmp_path / "b"))
    assert made.returncode == 0, made.stderr
    for service in SERVICES:
        copied, there = (rows_of(place / f"{service}.sqlite3") for place in (tmp_path / "b", stopped.data_dir))
        differ = {name for name, rows in there.items() if copied[name] != rows}
        if service == "tickets":
            assert len(there["events"]) == len(copied["events"]) + 1
            assert "desk.copied" in str([row for row in there["events"] if row not in copied["events"]])
        else:
            assert differ == set()
    verified = stopped.ste("audit", "verify", "--json")
    assert (verified.returncode, "No desk runs on" in verified.stderr) == (0, True)
    assert [(store["source"], store["ok"], store["events"] > 0) for store in json.loads(verified.stdout)] == [
        (f"/{service}", True, True) for service in SERVICES
    ]
    empty = another(tmp_path / "empty").ste("backup", str(tmp_path / "c"))
    assert empty.returncode == 1
    assert not (tmp_path / "c").exists()


def test_a_store_in_postgresql_is_refused_with_the_tools_that_can(tmp_path: Path) -> None:
    desk = another(tmp_path / "pg", TICKETS_DATABASE_URL="postgresql+psycopg://desk@127.0.0.1/tickets")
    for command in (("backup", str(tmp_path / "b")), ("restore", str(tmp_path))):
        refused = desk.ste(*command)
        assert refused.returncode == 1
        assert "pg_dump" in refused.stderr
