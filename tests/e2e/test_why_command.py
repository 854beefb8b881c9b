"""`ste why` against the running desk: it answers what `GET /api/tickets/{id}/why` answers an admin."""

import json
from typing import Any

import pytest

from tests.support.desk import Desk

Json = dict[str, Any]


@pytest.fixture(scope="module")
def ticket(desk: Desk) -> Json:
    """A ticket as it was opened, with the event that opened it."""
    user = desk.client("usera")
    opened = user.post("/api/tickets", json={"title": "Why", "body": "It burns."}).json()
    return {**opened, "event": user.get(f"/api/tickets/{opened['id']}/history").json()["items"][0]["id"]}


def arguments(query: Json) -> list[str]:
    return [part for name, value in query.items() for part in (f"--{name}", value)]


def test_the_operator_is_told_what_an_admin_is(desk: Desk, ticket: Json) -> None:
    admin = desk.client("admina")
    for query in ({"escalation": "default:1"}, {"event": ticket["event"], "person": ticket["requester"]["id"]}):
        said = desk.ste("why", str(ticket["id"]), *arguments(query), "--json")
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout) == admin.get(f"/api/tickets/{ticket['id']}/why", params=query).json()


@pytest.mark.parametrize("query", [{"escalated": "event"}, {"notification": "none"}, {"escalation": "no-such-policy"}], ids=str)
def test_what_there_is_not_is_refused_in_the_apis_words(desk: Desk, ticket: Json, query: Json) -> None:
    asked = {name: ticket.get(value, value) for name, value in query.items()}
    refused = desk.client("admina").get(f"/api/tickets/{ticket['id']}/why", params=asked)
    said = desk.ste("why", str(ticket["id"]), *arguments(asked))
    assert (refused.status_code, said.returncode) == (404, 1)
    assert refused.json()["detail"] in said.stderr
    assert "Traceback" not in said.stderr
