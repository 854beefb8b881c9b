"""`ste ticket` against the running desk: tickets as they are, and as they were."""

import json
from typing import Any

import pytest

from tests.support.desk import Desk

Json = dict[str, Any]


@pytest.fixture(scope="module")
def retold(desk: Desk) -> tuple[Json, Json]:
    """A ticket as it was opened, and as it is since."""
    user, admin = desk.client("usera"), desk.client("admina")
    first = user.post("/api/tickets", json={"title": "The \x1b[31mprinter", "body": "It burns.\nLoudly."}).json()
    user.patch(f"/api/tickets/{first['id']}", json={"title": "The screen"})
    last = admin.put(f"/api/tickets/{first['id']}/status", json={"status": "resolved"}).json()
    return first, last


def asked(desk: Desk, *arguments: str) -> Any:
    said = desk.ste("ticket", *arguments, "--json")
    assert said.returncode == 0, said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_a_ticket_is_shown_as_it_is_and_as_it_was(desk: Desk, retold: tuple[Json, Json]) -> None:
    first, last = retold
    assert asked(desk, "show", str(first["id"])) == [last]
    assert asked(desk, "show", str(first["id"]), "--version", "1") == [first]
    assert asked(desk, "show", str(first["id"]), "--as-of", first["created_at"]) == [first]


def test_what_people_wrote_does_not_reach_the_terminal_as_an_order_to_it(desk: Desk, retold: tuple[Json, Json]) -> None:
    first, _ = retold
    shown = desk.ste("ticket", "show", str(first["id"]), "--version", "1").stdout
    assert "title      The \N{REPLACEMENT CHARACTER}[31mprinter\n" in shown
    assert shown.endswith("\n\nIt burns.\nLoudly.\n")
    assert "\x1b" not in shown + desk.ste("ticket", "list", "--as-of", first["created_at"]).stdout


def test_tickets_are_listed_and_counted_as_they_were(desk: Desk, retold: tuple[Json, Json]) -> None:
    first, last = retold
    then = asked(desk, "list", "--as-of", first["created_at"], "--limit", "1000")
    assert then[0] == {name: value for name, value in first.items() if name != "body"}
    assert [each["id"] for each in asked(desk, "list", "--status", "resolved", "--sort", "-updated_at", "--limit", "1")] == [last["id"]]
    [counted] = asked(desk, "count", "--as-of", first["created_at"])
    statuses = [each["status"] for each in then]
    assert counted == {
        **{status: statuses.count(status) for status in ("open", "in_progress", "resolved")},
        "escalated": 0,
        "unassigned": sum(each["assignee"] is None for each in then),
    }
    assert asked(desk, "list", "--at", "0") == []
    lines = desk.ste("ticket", "list", "--limit", "2").stdout.splitlines()
    assert [len(line.split("\t")) for line in lines] == [7, 7]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "999999999"], 1, "There is no ticket 999999999"),
        (["show", "1", "--version", "99"], 1, "Ticket 1 has no version 99"),
        (["show", "1", "--at", "0"], 1, "Ticket 1 was opened after that moment"),
        (["show", "1", "--at", "999999999"], 1, "must not be above"),
        (["show", "1", "--at", "1", "--version", "1"], 1, "needs one moment, and at and version are there"),
        (["list", "--requester", "me"], 1, "must be a person's id"),
        (["show", "1", "--as-of", "yesterday"], 2, "yesterday is no time"),
        (["list", "--status", "lost"], 2, "--status"),
    ],
    ids=str,
)
def test_what_cannot_be_shown_is_said_in_a_sentence(desk: Desk, arguments: list[str], code: int, said: str) -> None:
    answer = desk.ste("ticket", *arguments)
    assert (answer.returncode, said in " ".join(answer.stderr.split())) == (code, True), answer.stderr
    assert "Traceback" not in answer.stderr
