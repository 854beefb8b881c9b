"""One thread through everything, by the gateway: a ticket from its opening to the inbox and the audit; and who is out is out everywhere."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2

from tests.support.desk import Desk
from tests.support.waiting import eventually

PASSWORD = "a long enough password"
DOORS = {"auth": "/api/auth/me", "tickets": "/api/tickets", "notifier": "/api/notifications", "escalator": "/api/escalations/policies"}
"""A page of each service that somebody signed in may ask for; the escalator's is for admins, and all others get 403 there."""
A_SECOND = 5.0
"""The promise is one second; a busy machine may add to it. Without the hint it would be thirty."""


def register(desk: Desk, name: str) -> httpx2.Client:
    """Return a client of a person who is new, signed in."""
    email = f"{name}.{uuid.uuid4().hex[:8]}@example.com"
    made = desk.client().post("/api/auth/register", json={"name": name, "email": email, "password": PASSWORD})
    assert made.status_code == 201, made.text
    return desk.client(email, PASSWORD)


def me(client: httpx2.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/auth/me").json()
    return found


def statuses(client: httpx2.Client) -> dict[str, int]:
    """Return how each service answers this credential; asking also lets each of them know, and keep, who it is."""
    return {service: client.get(path).status_code for service, path in DOORS.items()}


def again(desk: Desk, client: httpx2.Client) -> httpx2.Client:
    """Return a second client with the same credential, whatever becomes of the first one's cookies."""
    copy = desk.client()
    copy.cookies.update(dict(client.cookies))
    return copy


def dead_everywhere_within_a_second(client: httpx2.Client, end: Callable[[], object]) -> None:
    assert 401 not in statuses(client).values()
    end()
    since = time.monotonic()
    eventually(lambda: set(statuses(client).values()) == {401}, within=A_SECOND, what="the end on every service")
    assert time.monotonic() - since < A_SECOND


def told(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the (event, data) of a stream as they come."""
    name = ""
    for line in lines:
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            yield name, json.loads(line.removeprefix("data:"))


def entries(admin: httpx2.Client, **query: str) -> list[dict[str, Any]]:
    answer = admin.get("/api/audit", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_a_ticket_from_its_opening_to_the_inbox_and_the_audit(desk: Desk) -> None:
    requester, admin = register(desk, "Rita"), desk.client("admina")
    rita, adam = me(requester), me(admin)
    with requester.stream("GET", "/api/notifications/stream") as stream:
        heard = told(stream.iter_lines())
        assert next(heard) == ("unread", {"count": 0})
        opened = requester.post("/api/tickets", json={"title": "The thread", "body": "Follow it."})
        assert opened.status_code == 201
        ticket = opened.json()
        assert opened.headers["location"].endswith(f"/{ticket['id']}")

        assigned = admin.put(f"/api/tickets/{ticket['id']}/assignee", json={"assignee_id": adam["id"]}, headers={"If-Match": '"1"'})
        assert (assigned.status_code, assigned.json()["assignee"]["name"]) == (200, adam["name"])
        resolved = admin.put(f"/api/tickets/{ticket['id']}/status", json={"status": "resolved"}, headers={"If-Match": '"2"'})
        assert (resolved.status_code, resolved.json()["status"], resolved.json()["version"]) == (200, "resolved", 3)

        live = next(data for name, data in heard if name == "notification")
    assert (live["kind"], live["ticket_id"], live["read_at"]) == ("ticket.status_changed", ticket["id"], None)
    [kept] = requester.get("/api/notifications").json()["items"]
    assert kept == live
    assert requester.get("/api/notifications/unread-count").json() == {"count": 1}
    assert requester.put(f"/api/notifications/{kept['id']}/read").status_code == 204
    assert requester.get("/api/notifications/unread-count").json() == {"count": 0}
    # the admin did it all: nobody is told of what they did themselves
    assert ticket["id"] not in [item["ticket_id"] for item in admin.get("/api/notifications").json()["items"]]

    actions = ["ticket_created", "ticket_assigned", "ticket_status_changed"]
    history = requester.get(f"/api/tickets/{ticket['id']}/history").json()["items"]
    assert [entry["action"] for entry in history] == actions
    assert [entry["actor"]["id"] for entry in history] == [rita["id"], adam["id"], adam["id"]]
    assert [(entry["before"] or {}).get("status") for entry in history][-1] == "open"
    assert [(entry["after"] or {}).get("status") for entry in history][-1] == "resolved"
    listed = entries(admin, entity="ticket", entity_id=str(ticket["id"]))
    assert [entry["action"] for entry in reversed(listed)] == actions
    assert [entry["hash"] for entry in reversed(listed)] == [entry["hash"] for entry in history]


def test_the_audit_has_the_deeds_of_every_service(desk: Desk) -> None:
    admin = desk.client("admina")
    people = register(desk, "Petra")
    petra = me(people)
    name = f"thread-{uuid.uuid4().hex[:8]}"
    number = people.post("/api/tickets", json={"title": "Audited", "body": "Everywhere."}).json()["id"]
    policies = admin.get("/api/escalations/policies")
    body = policies.json()
    wanted = {**body, "policies": [*body["policies"], {"name": name, "levels": [{"after": "300d"}]}]}
    changed = admin.put("/api/escalations/policies", json=wanted, headers={"If-Match": policies.headers["etag"]})
    assert changed.status_code == 200, changed.text

    def all_there() -> dict[str, str]:
        """The audit has the events of the others as soon as they were relayed."""
        found = [*entries(admin, actor=petra["id"]), *entries(admin, entity="policy", entity_id=name)]
        return {entry["action"]: entry["source"].strip("/") for entry in found}

    expected = {"user_registered": "auth", "user_logged_in": "auth", "ticket_created": "tickets", "escalation_policy_changed": "escalator"}
    eventually(lambda: expected.items() <= all_there().items(), within=5, what=f"the deeds, ticket {number} among them")


def test_a_session_that_is_ended_is_dead_on_every_service(desk: Desk) -> None:
    here = register(desk, "Sonja")
    address = me(here)["email"]
    elsewhere = desk.client(address, PASSWORD)
    [other] = [session for session in here.get("/api/auth/sessions").json()["items"] if not session["current"]]
    dead_everywhere_within_a_second(elsewhere, lambda: here.delete(f"/api/auth/sessions/{other['id']}").raise_for_status())
    assert 401 not in statuses(here).values()


def test_who_signs_out_is_out_on_every_service_with_every_open_stream(desk: Desk) -> None:
    client = register(desk, "Otto")
    same = again(desk, client)
    with same.stream("GET", "/api/notifications/stream") as stream:
        heard = told(stream.iter_lines())
        assert next(heard)[0] == "unread"
        dead_everywhere_within_a_second(again(desk, client), lambda: client.post("/api/auth/logout").raise_for_status())
        assert list(heard) == []  # the stream ends by itself


def test_who_is_deactivated_is_out_and_who_is_demoted_is_no_admin_any_more(desk: Desk) -> None:
    boss, person = desk.client("admina"), register(desk, "Dora")
    path = f"/api/auth/users/{me(person)['id']}"
    assert boss.patch(path, json={"role": "admin"}).status_code == 200
    eventually(lambda: statuses(person)["escalator"] == 200, within=A_SECOND, what="an admin's rights")
    assert person.get("/api/audit").status_code == 200

    assert boss.patch(path, json={"role": "user"}).status_code == 200
    admins_only: Mapping[str, str] = {
        "auth": "/api/auth/users",
        "tickets": "/api/audit",
        "notifier": "/api/jobs",
        "escalator": DOORS["escalator"],
    }
    eventually(lambda: {person.get(door).status_code for door in admins_only.values()} == {403}, within=A_SECOND, what="a user's rights")

    dead_everywhere_within_a_second(person, lambda: boss.patch(path, json={"active": False}).raise_for_status())


def test_a_token_that_is_revoked_is_dead_on_every_service(desk: Desk) -> None:
    owner = register(desk, "Theo")
    made = owner.post("/api/auth/tokens", json={"name": "script"}).json()
    script = desk.client()
    script.headers["Authorization"] = f"Bearer {made['token']}"
    assert script.post("/api/tickets", json={"title": "By a script", "body": "With a token."}).status_code == 201
    dead_everywhere_within_a_second(script, lambda: owner.delete(f"/api/auth/tokens/{made['id']}").raise_for_status())
    assert 401 not in statuses(owner).values()


def test_a_service_that_hangs_does_not_keep_the_others_from_being_verified(rough: Desk) -> None:
    admin = rough.client("admina")
    with rough.paused("escalator"):
        answer = admin.post("/api/audit/verify")
    assert (answer.status_code, int(answer.headers["retry-after"]) >= 1) == (503, True)
    assert {store["source"]: store["ok"] for store in answer.json()["stores"]} == {
        "/auth": True, "/tickets": True, "/notifier": True, "/escalator": None,
    }  # fmt: skip
    eventually(lambda: rough.answers("escalator"), what="the escalator")
    assert admin.post("/api/audit/verify").json()["ok"] is True


def test_while_auth_hangs_people_who_are_signed_in_go_on(rough: Desk) -> None:
    client, stranger = rough.client("usera"), rough.client()
    assert 401 not in statuses(client).values()
    stranger.headers["Authorization"] = "Bearer nobody-knows-this-one"
    with rough.paused("auth"):
        number = client.post("/api/tickets", json={"title": "Auth hangs", "body": "And work goes on."}).json()["id"]
        assert client.get(f"/api/tickets/{number}").status_code == 200
        assert client.get("/api/notifications").status_code == 200
        refused = stranger.get("/api/tickets")
        assert (refused.status_code, int(refused.headers["retry-after"]) >= 1) == (503, True)
    eventually(lambda: stranger.get("/api/tickets").status_code == 401, within=A_SECOND, what="auth's answer")
    assert 401 not in statuses(client).values()
