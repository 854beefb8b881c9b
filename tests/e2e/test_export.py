"""An auditor with a running desk: searches, takes everything away, and proves it where no desk is."""

import json
from pathlib import Path

from tests.support.desk import Desk


def test_what_an_auditor_takes_away_is_proved_elsewhere(desk: Desk, tmp_path: Path) -> None:
    admin = desk.client("admina")
    opened = admin.post("/api/tickets", json={"title": "=SUM(A1)", "body": "Take me away."}).json()
    assert admin.put(f"/api/tickets/{opened['id']}/status", json={"status": "resolved"}).status_code == 200
    keys = [f"--key={each['key']}" for each in admin.get("/api/audit/checkpoints").json()["keys"]]
    for format_ in ("jsonl", "csv"):
        file = tmp_path / f"audit.{format_}"
        with admin.stream("GET", "/api/audit/export", params={"format": format_}) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-disposition"].startswith("attachment")
            file.write_bytes(b"".join(answer.iter_bytes()))
        said = desk.ste("audit", "verify-export", str(file), *keys)
        assert said.returncode == 0, said.stderr
        assert said.stdout.startswith("PROVED: ")
        file.write_bytes(file.read_bytes().replace(b"Take me away", b"Take me aside", 1))
        said = desk.ste("audit", "verify-export", str(file), *keys)
        assert (said.returncode, said.stdout) == (1, "")
        assert said.stderr.startswith("NOT PROVED: ")


def test_the_audit_is_searched_without_signing_in_and_says_so(desk: Desk) -> None:
    admin = desk.client("admina")
    opened = admin.post("/api/tickets", json={"title": "Search me", "body": "I am here."}).json()
    number = str(opened["id"])
    for priority in ("low", "high", "urgent"):
        assert admin.put(f"/api/tickets/{number}/priority", json={"priority": priority}).status_code == 200
    about = ("--entity", "ticket", "--id", number)
    said = desk.ste("audit", "search", *about, "--json")
    assert said.returncode == 0, said.stderr
    actions = [json.loads(line)["action"] for line in said.stdout.splitlines()]
    assert actions == ["ticket_priority_changed"] * 3 + ["ticket_created"]
    assert said.stderr == ""

    first = desk.ste("audit", "search", *about, "--json", "--limit", "3", "--since", "1h")
    assert len(first.stdout.splitlines()) == 3
    way_on = first.stderr.split("the same search with ")[1].split()
    rest = desk.ste("audit", "search", *about, "--json", "--limit", "3", *way_on)
    assert [json.loads(line)["action"] for line in rest.stdout.splitlines()] == ["ticket_created"], rest.stderr

    (row,) = desk.ste("audit", "search", *about, "--action", "ticket_created").stdout.splitlines()
    assert f"ticket/{number}" in row
    assert "title=Search me" in row
    reads = desk.ste("audit", "search", "--action", "audit_read", "--actor", "operator", "--json").stdout.splitlines()
    filters = [json.loads(line)["after"]["filter"] for line in reads]
    assert {"of": "search", "entity": "ticket", "entity_id": number} in filters


def test_a_search_that_cannot_be_meant_is_told_so(desk: Desk) -> None:
    for arguments, code in ((("--since", "yesterday"), 2), (("--since", "2026-13-01T00:00:00Z"), 2), (("--cursor", "made-up-" * 5), 1)):
        said = desk.ste("audit", "search", *arguments)
        assert (said.returncode, said.stdout) == (code, ""), arguments
        assert "Traceback" not in said.stderr
