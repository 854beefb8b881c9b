"""`ste import`, as an operator uses it: words, exit codes, and a desk that holds each row once, whatever was killed meanwhile."""

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.incident_file import write_log
from benchmarks.incident_log import read_log
from benchmarks.incident_truth import truth
from tests.support.desk import Desk
from tests.support.waiting import eventually

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log with a few thousand changes, too many for one request by far."""
    write_log(tmp_path / "log.csv", incidents=250, people=12, seed=3)
    return tmp_path / "log.csv"


def head(desk: Desk, service: str) -> int:
    with desk.operator() as operator:
        return int(operator.get(service, "/internal/caught-up")["head"])


def events_after(desk: Desk, service: str, sequence: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with desk.operator() as operator:
        while page := operator.get(service, "/internal/events", after=sequence + len(found), limit=1000)["events"]:
            found += [event["head"] for event in page]
    return found


def actions(events: list[dict[str, Any]]) -> Counter[str]:
    return Counter(event["type"].replace(".", "_") for event in events if event.get("imported"))


def reported(err: str) -> list[str]:
    """Return what was said of rows; a slow import tells now and then how far it is."""
    return [line for line in err.splitlines() if line.startswith("line ")]


def importing(desk: Desk, log: Path, source: str) -> "subprocess.Popen[str]":
    """Begin an import, and return it once something is in."""
    before = head(desk, "tickets")
    command = [sys.executable, "-m", "deploy.cli", "import", "servicenow", str(log), "--source", source]
    process = subprocess.Popen(command, cwd=desk.directory, env=desk.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(lambda: head(desk, "tickets") > before, within=60, what="the first rows")
    return process


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    with process:
        out, err = process.communicate(timeout=110)
        return process.returncode, out, err


def test_a_log_comes_in_with_its_broken_row_named_and_a_second_time_adds_nothing(desk: Desk, log: Path) -> None:
    rows = read_log(log)
    lines = log.read_text(encoding="utf-8").splitlines()
    lines.insert(7, f"{lines[6]},too many")
    lines.insert(8, ",".join(["INC1000000", "Nowhere", *lines[6].split(",")[2:]]))
    log.write_text("\n".join(lines), encoding="utf-8")
    before = head(desk, "tickets")

    first = desk.ste("import", "servicenow", str(log), "--source", "broken")
    assert first.returncode == 1, first.stderr
    assert "line 8 has 37 fields, and the first line 36" in first.stderr
    assert "line 9 has the incident_state 'Nowhere', which is none of New, Active" in first.stderr
    assert f"{len(rows):,} rows of 250 tickets brought in" in first.stdout
    expected = truth(rows).actions
    assert actions(events_after(desk, "tickets", before)) == expected

    heads = head(desk, "auth"), head(desk, "tickets")
    again = desk.ste("import", "servicenow", str(log), "--source", "broken")
    assert again.returncode == 1
    assert f"{len(rows):,} rows had been brought in before" in again.stdout
    (ran,) = events_after(desk, "tickets", heads[1])
    assert (ran["type"], head(desk, "auth")) == ("history.imported", heads[0])
    second, first_run = desk.client("admina").get("/api/audit", params={"action": "history_imported", "limit": 2}).json()["items"]
    told = {"source": "broken", "digest": hashlib.sha256(log.read_bytes()).hexdigest(), "complete": True, "broken": 2}
    assert told.items() <= second["after"].items()
    assert (second["after"]["rows"], second["after"]["known"]) == (0, len(rows))
    assert (first_run["after"]["rows"], first_run["after"]["known"], first_run["after"]["tickets"]) == (len(rows), 0, 250)
    assert second["actor"] == {"kind": "system", "id": "operator", "name": "operator"}
    assert desk.ste("audit", "verify").returncode == 0

    part = log.with_name("part.csv")
    part.write_text("\n".join(lines[:200]), encoding="utf-8")
    heads = head(desk, "auth"), head(desk, "tickets")
    elsewhere = desk.ste("import", "servicenow", str(part), "--source", "broken", "--zone", "Asia/Tokyo")
    assert elsewhere.returncode == 1
    assert len(reported(elsewhere.stderr)) < 50, "What concerns every row is told of some."
    assert "more like line" in elsewhere.stderr
    assert "--verbose names each of them" in elsewhere.stderr
    assert [event["type"] for event in events_after(desk, "tickets", heads[1])] == ["history.imported"]
    assert head(desk, "auth") == heads[0]


def test_an_import_that_is_killed_goes_on_where_it_was(desk: Desk, log: Path) -> None:
    rows = read_log(log)
    before = head(desk, "tickets")
    process = importing(desk, log, "killed")
    process.kill()
    assert ended(process)[0] == -9
    rest = desk.ste("import", "servicenow", str(log), "--source", "killed")
    assert (rest.returncode, reported(rest.stderr)) == (0, [])
    assert "had been brought in before" in rest.stdout
    assert actions(events_after(desk, "tickets", before)) == truth(rows).actions


@pytest.mark.parametrize("service", ["tickets", "auth", "broker"])
def test_an_import_outlives_the_death_of_what_it_needs(rough: Desk, log: Path, service: str) -> None:
    rows = read_log(log)
    before = head(rough, "tickets")
    process = importing(rough, log, f"outlives-{service}")
    old = rough.kill(service)
    code, out, err = ended(process)
    assert code == 0, err
    assert f"{len(rows):,} rows" in out or "had been brought in before" in out  # a request whose answer was lost is asked again
    rough.wait_for_restart(service, old)
    assert actions(events_after(rough, "tickets", before)) == truth(rows).actions


def test_the_example_of_the_documentation_comes_in_and_nobody_hears_of_it(desk: Desk, tmp_path: Path) -> None:
    _, _, rest = (DOCS / "import.md").read_text(encoding="utf-8").partition("```json\n")
    file = tmp_path / "example.jsonl"
    file.write_text(rest.partition("```")[0], encoding="utf-8")
    done = desk.ste("import", "jsonl", str(file))
    assert (done.returncode, reported(done.stderr)) == (0, [])
    assert done.stdout.startswith("6 rows of 2 tickets brought in: 9 events")
    assert "4 accounts opened" in done.stdout
    admin = desk.client("admina")
    (coffee,) = admin.get("/api/tickets", params={"q": "coffee blinks"}).json()["items"]
    (screen,) = admin.get("/api/tickets", params={"q": "flickers"}).json()["items"]
    assert (coffee["status"], coffee["priority"], coffee["assignee"]["name"]) == ("resolved", "high", "Cleo Ray")
    assert (screen["status"], screen["requester"]["name"], screen["assignee"]) == ("open", "Dora Fox", None)
    assert (coffee["created_at"], coffee["updated_at"]) == ("2016-02-29T01:23:00.000000Z", "2016-03-03T10:00:00.000000Z")

    # the people whom it brought can be given tickets, and are told nothing
    number = admin.post("/api/tickets", json={"title": "For Cleo", "body": "A live one."}).json()["id"]
    given = admin.put(f"/api/tickets/{number}/assignee", json={"assignee_id": coffee["assignee"]["id"]})
    assert (given.status_code, given.json()["assignee"]["name"]) == (200, "Cleo Ray")
    assert admin.put(f"/api/tickets/{number}/assignee", json={"assignee_id": screen["requester"]["id"]}).status_code == 422
    with desk.operator() as operator:
        heads = {f"/{name}": operator.get(name, "/internal/caught-up")["head"] for name in ("auth", "tickets")}
        eventually(
            lambda: all(operator.get("notifier", "/internal/caught-up")["positions"][name] >= at for name, at in heads.items()),
            within=30,
            what="the notifier at what has happened",
        )
        jobs = operator.get("notifier", "/internal/jobs", limit=100)["items"]
    assert not [job for job in jobs if coffee["assignee"]["id"] in job["dedupe_key"]]


def test_what_is_no_log_is_refused_in_words(desk: Desk, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")
    refused = desk.ste("import", "servicenow", str(other))
    assert refused.returncode == 1
    assert "names no column number, incident_state" in refused.stderr
    assert "docs/import.md" in refused.stderr
    assert desk.ste("import", "servicenow", str(tmp_path / "none.csv")).returncode == 2
    assert desk.ste("import", "servicenow", str(other), "--source", "No such").returncode == 2
    zone = desk.ste("import", "servicenow", str(other), "--zone", "Moon/Sea")
    assert (zone.returncode, "no time zone 'Moon/Sea'" in zone.stderr) == (1, True)


def test_without_a_desk_there_is_nothing_to_import_into(own: Desk, log: Path) -> None:
    own.directory.mkdir(parents=True)
    assert own.ste("import", "servicenow", str(log)).returncode == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("servicenow", "jsonl", "marked as imported", "docs/import.md")),
        (("servicenow",), ("opened_at", "sys_updated_by", "--zone", "--source", "with 1 when some are not")),
        (("jsonl",), ("docs/import.md", "--source", '"number"', "with 1 when some are not")),
    ],
)
def test_the_help_says_what_it_does(own: Desk, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    own.directory.mkdir(parents=True)
    own.environment["COLUMNS"] = "200"
    told = own.ste("import", *arguments, "--help").stdout
    assert [word for word in words if word not in told] == []
