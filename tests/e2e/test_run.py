"""What `make run` promises: a line when all is ready, restarts, no orphans, an end in good order, two desks side by side."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chassis.database import held
from deploy.forking import can_fork
from events.envelope import canonical, from_wire
from tests.support.desk import READY, Desk, alive
from tests.support.totp import code_at
from tests.support.waiting import eventually

"""One worker has the shared desk; and two cores do not get faster by running more of them."""

PARTS = ("broker", "auth", "tickets", "notifier", "escalator", "web", "gateway")
SERVICES = PARTS[1:5]
FORKS = can_fork()
PROCESSES = (*PARTS, "forkserver") if FORKS else PARTS


def test_exactly_one_line_says_that_it_is_ready(desk: Desk) -> None:
    lines = [line for line in desk.output().splitlines() if "ready: " in line]
    assert len(lines) == 1
    assert lines[0].endswith(f"ready: http://localhost:{desk.port}")


def test_ready_means_that_the_demo_is_there_and_consumed(own: Desk) -> None:
    own.start()
    own.wait_until_ready()
    with own.operator() as operator:
        told = {name: operator.get(name, "/internal/caught-up") for name in SERVICES}
    for name, answer in told.items():
        for source, position in answer["positions"].items():
            assert position == told[source.strip("/")]["head"], (name, source)
    assert told["tickets"]["positions"].keys() >= {"/auth"}
    assert own.client("usera").get("/api/tickets").json()["items"]


@pytest.mark.parametrize("service", [*SERVICES, "web"])
def test_every_service_is_well(desk: Desk, service: str) -> None:
    answer = desk.client().get(f"/health/{service}")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("name", PROCESSES)
def test_ps_names_each_process(desk: Desk, name: str) -> None:
    shown = Path(f"/proc/{desk.pid(name)}/cmdline").read_bytes().split(b"\0")[0].decode()
    assert shown.startswith(f"ste {name}")


def test_only_the_gateway_listens_where_it_was_told_and_all_else_on_loopback(desk: Desk) -> None:
    for name in PROCESSES:
        for address in _listening(desk.pid(name)):
            assert address.startswith(("127.0.0.1:", "::1:")), (name, address)


def _listening(pid: int) -> list[str]:
    sockets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]]
    return [_address(row[1]) for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]


def _address(raw: str) -> str:
    host, port = raw.split(":")
    parts = [str(int(host[at : at + 2], 16)) for at in (6, 4, 2, 0)]
    return f"{'.'.join(parts) if len(host) == 8 else host}:{int(port, 16)}"


def test_what_is_kept_is_its_owners_alone(desk: Desk) -> None:
    loose = [path for path in desk.data_dir.rglob("*") if path.lstat().st_mode & 0o077]
    assert loose == []


def test_nothing_is_written_into_home(desk: Desk, home: Path) -> None:
    assert desk.client("usera").get("/api/tickets").status_code == 200
    assert list(home.rglob("*")) == []


def test_a_ticket_keeps_its_entity_tag_through_the_whole_desk(desk: Desk) -> None:
    user, admin = desk.client("usera"), desk.client("admina")
    created = user.post("/api/tickets", json={"title": "Long", "body": "x" * 3000})
    where = created.headers["Location"]
    for encoding in ("identity", "gzip", "zstd"):
        with user.stream("GET", where, headers={"Accept-Encoding": encoding}) as answer:
            assert answer.headers["ETag"] == created.headers["ETag"] == '"1"'
            assert answer.headers.get("Content-Encoding", "identity") == encoding
    changed = admin.put(f"{where}/status", json={"status": "in_progress"}, headers={"If-Match": '"1"', "Accept-Encoding": "gzip"})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    stale = admin.put(f"{where}/status", json={"status": "resolved"}, headers={"If-Match": '"1"', "Accept-Encoding": "gzip"})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)


@pytest.mark.parametrize("service", SERVICES)
def test_the_documents_of_every_service_are_there_for_the_joined_page(desk: Desk, service: str) -> None:
    document = desk.client().get(f"/api/{service}/openapi.json").json()
    assert document["paths"]
    assert not [path for path in document["paths"] if path.startswith("/internal")]


def test_the_operators_secret_is_worth_nothing_outside(desk: Desk) -> None:
    secret = (desk.data_dir / "secrets" / "operator").read_text()
    for path in ("/internal/events?after=0", "/api/tickets/../../internal/events", "/api/tickets/internal/events"):
        answer = desk.client().get(path, headers={"X-Ste-Credential": secret})
        assert answer.status_code == 404


def test_two_desks_on_one_machine_do_not_meet(desk: Desk, bare: Desk) -> None:
    assert not {*desk.file.ports.values(), desk.file.monitor_port} & {*bare.file.ports.values(), bare.file.monitor_port}
    answer = bare.client().post("/api/auth/login", json={"email": "usera@example.com", "password": "demo123"})
    assert answer.status_code == 401
    assert desk.client("usera").get("/api/tickets").status_code == 200


def test_a_second_desk_on_the_same_directory_is_refused(desk: Desk) -> None:
    refused = desk.ste("up")
    assert refused.returncode == 1
    assert re.search(rf"Another desk is running on {re.escape(str(desk.data_dir))}\.\n", refused.stderr)
    assert "Traceback" not in refused.stderr + refused.stdout


def test_a_port_that_is_in_use_is_refused_in_words(desk: Desk, own: Desk) -> None:
    own.environment["STE_PORT"] = str(desk.port)
    own.directory.mkdir()
    refused = own.ste("up")
    assert refused.returncode == 1
    assert f"Port {desk.port} on 127.0.0.1 is in use by another program." in refused.stderr
    assert "STE_PORT=9090 make run" in refused.stderr


@pytest.mark.parametrize("name", PARTS)
def test_what_crashes_is_started_again(rough: Desk, name: str) -> None:
    user = rough.client("usera")
    said = rough.output().count(f"{name}  ready again after ")
    rough.wait_for_restart(name, rough.kill(name))
    eventually(lambda: rough.output().count(f"{name}  ready again after ") == said + 1, what="the word that it is back")
    assert user.post("/api/tickets", json={"title": "Still here", "body": f"after {name} was killed"}).status_code == 201


@pytest.mark.skipif(not FORKS, reason="this system does not fork its services")
def test_every_service_is_forked_from_what_imported_all_of_them_and_comes_again_with_it(rough: Desk) -> None:
    user = rough.client("usera")
    server = rough.pid("forkserver")
    before = {name: rough.pid(name) for name in SERVICES}
    assert {parent_of(pid) for pid in before.values()} == {server}
    rough.kill("forkserver")
    for name, pid in before.items():
        rough.wait_for_restart(name, pid)
        assert not alive(pid)
    assert {parent_of(rough.pid(name)) for name in SERVICES} == {rough.pid("forkserver")} != {server}
    assert re.search(r"tickets  ended with the fork server; starting it again", rough.output())
    assert user.post("/api/tickets", json={"title": "Still here", "body": "after all services ended"}).status_code == 201


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_service_that_is_started_again_follows_the_settings_of_the_start(rough: Desk) -> None:
    changed = rough.directory / ".env"
    changed.write_text("STE_ORIGIN=https://desk.example.org\nSTE_PORT=1\n")
    try:
        rough.wait_for_restart("auth", rough.kill("auth"))
        user = rough.client("usera")
        assert [cookie.name for cookie in user.cookies.jar] == ["sid"]
        assert user.get("/api/tickets").status_code == 200
    finally:
        changed.unlink()


def test_while_one_service_is_down_the_others_answer(rough: Desk) -> None:
    user = rough.client("usera")
    with rough.paused("notifier"):
        health = user.get("/health/notifier")
        assert (health.status_code, health.json()) == (503, {"status": "down"})
        assert user.get("/api/tickets").status_code == 200
    eventually(lambda: user.get("/health/notifier").status_code == 200, what="notifier")


def test_a_broker_that_hangs_is_restarted(rough: Desk) -> None:
    user = rough.client("usera")
    old = rough.kill("broker", signal.SIGSTOP)
    assert user.post("/api/tickets", json={"title": "Meanwhile", "body": "the desk works"}).status_code == 201
    rough.wait_for_restart("broker", old, within=40)


def test_a_runner_that_is_killed_leaves_no_orphan_and_the_next_one_starts(own: Desk) -> None:
    own.start()
    own.wait_until_ready()
    pids = [own.pid(name) for name in PROCESSES]
    os.kill(own.runner_pid, signal.SIGKILL)
    eventually(lambda: not [pid for pid in pids if alive(pid)], within=5, what="the end of all processes")
    own.end()
    own.start()
    own.wait_until_ready()
    assert own.client("usera").get("/api/tickets").json()["items"]


def test_it_drains_when_it_is_asked_to_stop(own: Desk) -> None:
    own.start()
    own.wait_until_ready()
    pids = [own.pid(name) for name in PROCESSES]
    user = own.client("usera")
    with user.stream("GET", "/api/notifications/stream") as stream:
        assert stream.status_code == 200
        os.kill(own.runner_pid, signal.SIGTERM)
        eventually(lambda: own.status() is not None, within=12, what="the end")
    assert own.status() == 0
    assert not [pid for pid in pids if alive(pid)]
    assert "was killed" not in own.output()
    assert not (own.data_dir / "run" / "desk.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_stops_while_it_starts(own: Desk, number: signal.Signals) -> None:
    own.start()
    eventually(lambda: "broker  ready" in own.output(), within=30, what="the broker")
    os.kill(own.runner_pid, number)
    assert eventually(lambda: own.status() is not None, within=12, what="the end")
    assert own.status() == 0


def test_ste_says_that_no_desk_runs(own: Desk) -> None:
    own.directory.mkdir()
    refused = own.ste("events", "tail")
    assert refused.returncode == 3
    assert "No desk is running" in refused.stderr


def test_the_doctor_finds_a_running_desk_well(desk: Desk) -> None:
    said = desk.ste("doctor")
    assert "BAD" not in said.stdout, said.stdout
    assert said.returncode == 0
    for name in SERVICES:
        assert re.search(rf"^ok +{name} +is ok", said.stdout, re.MULTILINE), said.stdout


def test_history_is_replayed_for_other_programs(desk: Desk) -> None:
    everything = replayed(desk)
    assert [line["position"] for line in everything] == list(range(1, len(everything) + 1))
    assert [from_wire(wire_of(line)).hash for line in everything] == [line["event"]["hash"] for line in everything]
    tickets = [line for line in everything if line["event"]["head"]["type"].startswith("ticket.")]
    assert replayed(desk, "--type", "ticket.") == tickets != []
    assert replayed(desk, "--from", "2", "--to", "4") == everything[1:4]
    assert replayed(desk, "--ticket", "1") == [line for line in tickets if line["event"]["head"]["subject"] == "ticket/1"]
    early, late = (sorted(line["event"]["head"]["time"] for line in everything)[place] for place in (2, -2))
    between = [line for line in everything if early <= line["event"]["head"]["time"] < late]
    assert replayed(desk, "--from", early, "--to", late) == between != []
    nothing = desk.ste("replay", "--from", "999999999")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "There are no such events; the journal ends with position " in nothing.stderr


def replayed(desk: Desk, *options: str) -> list[dict[str, Any]]:
    said = desk.ste("replay", *options)
    assert (said.returncode, said.stderr) == (0, "")
    return [json.loads(line) for line in said.stdout.splitlines()]


def wire_of(line: dict[str, Any]) -> bytes:
    """The parts are canonical JSON, so that they can be written again as they stood."""
    return canonical(line["event"])


def test_an_operator_builds_what_is_derived_anew(desk: Desk) -> None:
    said = desk.ste("rebuild", "tickets")
    assert (said.returncode, said.stderr) == (0, "")
    for table in ("tickets", "ticket_counts", "notes", "ticket_search", "ticket_states", "people", "audit"):
        assert re.search(rf"\b{table}\t\d+\tas it was", said.stdout), said.stdout
    (report,) = json.loads(desk.ste("rebuild", "escalator", "deadlines", "--json").stdout)
    assert (report["projection"], report["equal"], report["mended"]) == ("deadlines", True, 0)
    assert report["tables"]["ticket_copies"]["rows"] > 0
    unknown = desk.ste("rebuild", "tickets", "desks")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "There is: desk, history, people, audit." in unknown.stderr


def test_the_doctor_names_what_is_wrong_and_how_to_mend_it(rough: Desk) -> None:
    pepper = rough.data_dir / "secrets" / "pepper"
    pepper.chmod(0o644)
    with rough.paused("escalator"):
        said = rough.ste("doctor")
    pepper.chmod(0o600)
    assert said.returncode == 1
    assert re.search(r"BAD +secrets +\S+/pepper can be read by others\n.*→ chmod go= \S+/pepper", said.stdout)
    assert re.search(r"BAD +escalator +does not answer", said.stdout)


def test_the_doctor_looks_into_stores_that_nobody_uses(own: Desk) -> None:
    own.data_dir.mkdir(parents=True)
    for name in ("auth", "tickets"):
        with closing(sqlite3.connect(own.data_dir / f"{name}.sqlite3")) as store, store:
            store.execute("CREATE TABLE facts (fact TEXT)")
            store.executemany("INSERT INTO facts VALUES (?)", [("x" * 500,)] * 100)
    damaged = own.data_dir / "tickets.sqlite3"
    damaged.write_bytes(damaged.read_bytes()[:8192] + b"\xff" * 4096 + damaged.read_bytes()[12288:])
    said = own.ste("doctor")
    assert said.returncode == 1
    assert re.search(r"^ok +auth +SQLite finds its file sound", said.stdout, re.MULTILINE), said.stdout
    assert re.search(r"^BAD +tickets +its store is damaged: ", said.stdout, re.MULTILINE), said.stdout
    with held(own.data_dir, "tickets"):
        assert re.search(r"^warn +tickets +.*in use by a running service", own.ste("doctor").stdout, re.MULTILINE)


def test_a_desk_that_lost_a_store_makes_no_other_and_one_that_others_come_to_reach_tells_of_its_demo(own: Desk) -> None:
    own.start()
    own.wait_until_ready()
    assert own.stop() == 0
    kept = (own.data_dir / "tickets.sqlite3").rename(own.data_dir / "kept")
    assert re.search(r"BAD +tickets +its store \S+ is missing", own.ste("doctor").stdout)
    own.start()
    eventually(lambda: own.status() is not None, within=60, what="the refusal")
    assert own.status() == 1
    assert READY not in own.output()
    assert re.search(r"The store of tickets ends at event 0, and \w+ has seen event \d+ of it", own.output()), own.output()
    kept.rename(own.data_dir / "tickets.sqlite3")

    del own.environment["STE_DEMO"]
    own.environment["STE_ORIGIN"] = "https://desk.example.org"
    own.start()
    own.wait_until_ready()
    assert "others can reach this desk, and the password of admina@example.com is in its README" in own.output()
    assert re.search(r"BAD +demo +others can reach this desk", own.ste("doctor").stdout)
    assert own.ste("audit", "verify").returncode == 0


def test_the_doctor_looks_on_where_the_operators_secret_is_gone(rough: Desk) -> None:
    secret = rough.data_dir / "secrets" / "operator"
    kept = secret.rename(secret.with_name("kept"))
    try:
        doctor = rough.ste("doctor")
    finally:
        kept.rename(secret)
    assert doctor.returncode == 1
    assert re.search(r"BAD +secrets +The operator's secret \S+ is missing", doctor.stdout)
    assert re.search(r"ok +gateway +answers", doctor.stdout)


def test_the_first_admin_is_made_by_the_operator(bare: Desk) -> None:
    made = bare.ste(
        "user", "create-admin", "--name", "Eva", "--email", "eva@example.com", "--password-stdin", text="correct horse battery\n"
    )
    assert made.returncode == 0, made.stderr
    me = bare.client("eva@example.com", "correct horse battery").get("/api/auth/me").json()
    assert me["role"] == "admin"
    again = bare.ste(
        "user", "create-admin", "--name", "Eva", "--email", "EVA@example.com", "--password-stdin", text="correct horse battery\n"
    )
    assert again.returncode == 1
    assert "409" in again.stderr
    weak = bare.ste("user", "create-admin", "--name", "Ed", "--email", "ed@example.com", "--password-stdin", text="short\n")
    assert "password" in weak.stderr
    assert "short" not in weak.stderr.replace("too short", "")


def test_the_operator_helps_an_admin_who_lost_their_telephone(bare: Desk) -> None:
    password = "correct horse battery"
    made = bare.ste("user", "create-admin", "--name", "Ida", "--email", "ida@example.com", "--password-stdin", text=f"{password}\n")
    assert made.returncode == 0, made.stderr
    ida, again = bare.client("ida@example.com", password), bare.client()
    secret = ida.post("/api/auth/two-factor", json={"current_password": password}).json()["secret"]
    confirmed = ida.post("/api/auth/two-factor/confirm", json={"code": code_at(secret, datetime.now(UTC))})
    assert confirmed.status_code == 200, confirmed.text
    first = again.post("/api/auth/login", json={"email": "ida@example.com", "password": password})
    assert (first.status_code, first.json()["type"]) == (401, "/problems/second-factor-required")
    said = bare.ste("user", "reset-two-factor", "IDA@example.com")
    assert said.returncode == 0, said.stderr
    assert "Ida <ida@example.com> signs in with the password alone" in said.stdout
    assert ida.get("/api/auth/me").status_code == 401
    assert again.post("/api/auth/login", json={"email": "ida@example.com", "password": password}).status_code == 200
    for who, told in (("ida@example.com", "is not on"), ("nobody@example.com", "no such user")):
        refused = bare.ste("user", "reset-two-factor", who)
        assert (refused.returncode, told in refused.stderr) == (1, True), refused.stderr


def test_events_are_followed(desk: Desk) -> None:
    told = desk.ste("events", "tail", "--no-follow", "--last", "1000", "--json", "--type", "ticket.created")
    events = [json.loads(line) for line in told.stdout.splitlines()]
    assert events
    assert {event["head"]["type"] for event in events} == {"ticket.created"}
    read = desk.ste("events", "tail", "--no-follow", "--last", "1000", "--source", "auth")
    assert "user.registered" in read.stdout
    assert "tickets" not in {line.split()[1] for line in read.stdout.splitlines()}


def test_a_follower_sees_what_comes(desk: Desk) -> None:
    command = [sys.executable, "-u", "-m", "deploy.cli", "events", "tail", "--last", "0", "--source", "tickets"]
    output = desk.directory / "followed.txt"
    with output.open("wb") as file, subprocess.Popen(command, env=desk.environment, cwd=desk.directory, stdout=file) as follower:
        try:
            user = desk.client("userb")

            def seen() -> bool:
                user.post("/api/tickets", json={"title": "Followed", "body": "by an operator"})
                return b"ticket.created" in output.read_bytes()

            eventually(seen, what="the event")
        finally:
            follower.send_signal(signal.SIGINT)
            assert follower.wait(10) == 130


def test_a_follower_waits_for_a_service_that_is_started_again(rough: Desk) -> None:
    command = [sys.executable, "-u", "-m", "deploy.cli", "events", "tail", "--last", "1"]
    output, user = rough.directory / "followed.txt", rough.client("userb")
    with (
        output.open("wb") as file,
        subprocess.Popen(command, env=rough.environment, cwd=rough.directory, stdout=file, stderr=subprocess.PIPE) as follower,
    ):
        try:
            eventually(output.read_bytes, within=30, what="what was before")
            rough.wait_for_restart("tickets", rough.kill("tickets"))
            number = user.post("/api/tickets", json={"title": "Followed", "body": "after a crash"}).json()["id"]
            eventually(lambda: f" ticket/{number} ".encode() in output.read_bytes(), within=30, what="the event")
        finally:
            follower.send_signal(signal.SIGINT)
            assert follower.wait(10) == 130


def test_the_audit_is_verified(desk: Desk) -> None:
    said = desk.ste("audit", "verify", "--json")
    reports = json.loads(said.stdout)
    assert said.returncode == 0, reports
    assert {report["source"].strip("/"): report["ok"] for report in reports} == dict.fromkeys(SERVICES, True)
    assert all(report["events"] == report["head"]["sequence"] for report in reports)
    with desk.operator() as operator:
        far = [operator.get(name, "/internal/verify") for name in SERVICES]
    assert [progress["done"] for progress in far] == [progress["total"] for progress in far]
    assert [progress["total"] for progress in far][:2] == [report["events"] for report in reports][:2]
    entry = desk.client("admina").get("/api/audit", params={"action": "ledger_verified", "limit": 1}).json()["items"][0]
    assert (entry["actor"]["id"], entry["after"]["ok"]) == ("operator", True)
    assert [store["hash"] for store in entry["after"]["stores"]] == [report["head"]["hash"] for report in reports]


def test_nothing_is_parked_and_no_job_is_dead(desk: Desk) -> None:
    assert desk.ste("parked", "list").stdout == ""
    dead = desk.ste("jobs", "list", "--status", "dead")
    assert (dead.returncode, dead.stdout) == (0, "")


def test_a_stream_is_filled_again_on_request(desk: Desk) -> None:
    filled = desk.ste("relay", "refill", "tickets")
    assert filled.returncode == 0, filled.stderr
    assert desk.ste("relay", "refill", "nobody").returncode == 2
    assert httpx2.get(f"{desk.url}/health/tickets", trust_env=False).json() == {"status": "ok"}
