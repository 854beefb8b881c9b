"""Every list of every document keeps the rules of lists: bounded, whole, each thing once, and a cursor that is good for it alone."""

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from tests.contract.cast import SERVICES
from tests.contract.refusals import refused
from tests.support.desk import Desk
from tests.support.waiting import eventually

FILTERS: Mapping[str, str] = {
    "/api/auth/users": "role=user",
    "/api/auth/sessions": "",
    "/api/auth/tokens": "",
    "/api/tickets": "sort=updated_at",
    "/api/tickets/{ticket}/notes": "",
    "/api/tickets/{ticket}/history": "",
    "/api/audit": "entity=ticket",
    "/api/audit/checkpoints": "",
    "/api/notifications": "unread=true",
    "/api/jobs": "type=in_app",
    "/api/escalations/deadlines": "state=pending",
    **dict.fromkeys([f"/api/{service}/parked" for service in SERVICES], ""),
}
"""Every list, and a filter of its own where it has one."""
FEEDS = ("/api/events",)
"""What goes on for ever is no list: it has no end, and its positions are good for any filter (`test_feed`)."""
NOT_BY_ASKING = ("/api/audit/checkpoints", *(f"/api/{service}/parked" for service in SERVICES))
"""What nobody can make more of by asking: it is written by time, or when something fails (`test_admins` has such)."""
ONES_OWN = ("/api/auth/sessions", "/api/auth/tokens", "/api/notifications")

Json = dict[str, Any]


class Lister:
    """An admin who has at least three of everything that is listed. `ticket` has notes and a history."""

    def __init__(self, client: httpx2.Client, ticket: int) -> None:
        self.client, self.ticket = client, ticket

    def page(self, path: str, query: str = "", **parameters: Any) -> Json:
        answer = self.ask(path, query, **parameters)
        assert answer.status_code == 200, answer.text
        page: Json = answer.json()
        assert {"items", "next_cursor"} <= page.keys()
        return page

    def one(self, path: str) -> Json:
        answer = self.ask(path)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def ask(self, path: str, query: str = "", client: httpx2.Client | None = None, **parameters: Any) -> httpx2.Response:
        asked = dict(part.split("=") for part in query.split("&") if part) | parameters
        return (client or self.client).get(path.format(ticket=self.ticket), params=asked)


@pytest.fixture(scope="module")
def lister(desk: Desk, admin: httpx2.Client) -> Lister:
    client = desk.client("adminb")
    for number in range(3):
        desk.client("adminb")
        client.post("/api/auth/tokens", json={"name": f"Export {number}"})
        ticket = client.post("/api/tickets", json={"title": f"Printer {number}", "body": "It burns."}).json()["id"]
        client.post("/api/tickets", json={"title": f"Screen {number}", "body": "It is dark."})
        admin.put(f"/api/tickets/{ticket}/status", json={"status": "in_progress"})
        admin.put(f"/api/tickets/{ticket}/priority", json={"priority": "high"})
        for note in range(3):
            client.post(f"/api/tickets/{ticket}/notes", json={"body": f"Note {note}"})
    found = Lister(client, ticket)

    def heard() -> bool:
        return all(len(found.page(path)["items"]) >= 3 for path in FILTERS if path not in NOT_BY_ASKING)

    eventually(heard, within=20, what="three of everything")
    return found


def test_every_list_is_known_here(documents: Json) -> None:
    found = [
        path
        for document in documents.values()
        for path, item in document["paths"].items()
        if any(parameter["name"] == "cursor" for parameter in item.get("get", {}).get("parameters", ()))
    ]
    assert sorted(found) == sorted(FILTERS)


def test_every_get_that_answers_items_is_a_list(documents: Json) -> None:
    for document in documents.values():
        schemas = document["components"]["schemas"]
        for path, item in document["paths"].items():
            shown = item.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).get("application/json", {})
            name = shown.get("schema", {}).get("$ref", "").rpartition("/")[2]
            assert (path in FILTERS or path in FEEDS) == ("items" in schemas.get(name, {}).get("properties", {})), path


@pytest.mark.parametrize("path", FILTERS)
def test_page_by_page_everything_is_shown_once(path: str, lister: Lister) -> None:
    whole = lister.page(path, limit=100)["items"]
    shown: list[Json] = []
    cursor: Json = {}
    for _ in range(6):
        page = lister.page(path, limit=2, **cursor)
        assert len(page["items"]) <= 2
        shown += page["items"]
        if page["next_cursor"] is None:
            break
        assert len(page["items"]) == 2, "A page before the last is full."
        cursor = {"cursor": page["next_cursor"]}
    assert shown == whole[: len(shown)]
    assert len(shown) == min(12, len(whole))


@pytest.mark.parametrize("path", FILTERS)
def test_a_list_has_an_end(path: str, lister: Lister) -> None:
    page = lister.page(path, FILTERS[path], limit=100)
    for _ in range(200):
        if page["next_cursor"] is None:
            return
        page = lister.page(path, FILTERS[path], limit=100, cursor=page["next_cursor"])
        assert page["items"], "A cursor that leads to nothing should not have been given."
    pytest.fail("It goes on and on.")


@pytest.mark.parametrize("path", FILTERS)
def test_a_page_has_25_items_unless_one_asks_for_others(path: str, lister: Lister) -> None:
    page = lister.page(path)
    assert len(page["items"]) <= 25
    assert page["next_cursor"] is None or len(page["items"]) == 25


@pytest.mark.parametrize("path", [path for path in FILTERS if path not in NOT_BY_ASKING])
def test_a_cursor_is_good_for_the_list_that_gave_it_and_for_no_other(path: str, lister: Lister, admin: httpx2.Client) -> None:
    cursor = lister.page(path, limit=1)["next_cursor"]
    assert lister.page(path, limit=50, cursor=cursor)["items"], "A page may have another size than the one before."
    if FILTERS[path]:
        refused(lister.ask(path, FILTERS[path], cursor=cursor), 422, "invalid")
    for other in FILTERS:
        if other != path:
            refused(lister.ask(other, cursor=cursor), 422, "invalid")
    somebodys = lister.ask(path, cursor=cursor, client=admin)
    if path in ONES_OWN:
        refused(somebodys, 422, "invalid")
    else:
        assert somebodys.status_code == 200


@pytest.mark.parametrize("path", [path for path in FILTERS if path not in NOT_BY_ASKING])
def test_a_cursor_that_was_tampered_with_is_refused(path: str, lister: Lister) -> None:
    cursor = str(lister.page(path, limit=1)["next_cursor"])
    changed = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))]
    for bad in (*changed, cursor[:-1], cursor[1:], cursor + "A", cursor + "=", cursor + "==", f" {cursor}", cursor * 2, cursor.lower()):
        problem = refused(lister.ask(path, cursor=bad), 422, "invalid")
        assert problem["errors"][0]["loc"] == ["query", "cursor"]


def test_a_filter_that_was_sealed_is_compared_whole(lister: Lister) -> None:
    cursor = lister.page("/api/tickets", "q=it", limit=1)["next_cursor"]
    for query in ("q=i", "q=it burns", "q=it&status=open", "q=it&sort=created_at", "q=it&requester=me", ""):
        refused(lister.ask("/api/tickets", query, cursor=cursor), 422, "invalid")


def test_tickets_are_listed_without_their_bodies_and_everything_else_whole(lister: Lister) -> None:
    listed = next(item for item in lister.page("/api/tickets", limit=100)["items"] if item["id"] == lister.ticket)
    whole = lister.one("/api/tickets/{ticket}")
    assert listed == {name: value for name, value in whole.items() if name != "body"}
    job = lister.page("/api/jobs", limit=1)["items"][0]
    assert lister.one(f"/api/jobs/{job['id']}") == job
