"""What operators do to the whole desk stands in its audit; only they can say so."""

from typing import Any

import pytest

from tests.integration.tickets.conftest import Desk, good, refused

DIGEST = "0f" * 32
COPY = {"kind": "backup", "primary": True, "position": 7, "digest": DIGEST}
COUNTS = {"people": 1, "rows": 2, "tickets": 3, "events": 4, "known": 5, "broken": 6}
RUN: dict[str, Any] = {"source": "there", "digest": DIGEST, "complete": False, **COUNTS}


@pytest.mark.parametrize(
    ("path", "body", "action"),
    [
        ("/internal/copies", COPY, "desk_copied"),
        ("/internal/copies", {**COPY, "kind": "export", "primary": False}, "desk_copied"),
        ("/internal/import/runs", RUN, "history_imported"),
        ("/internal/import/runs", {**RUN, "digest": None, "complete": True}, "history_imported"),
    ],
)
async def test_what_the_operator_did_is_in_the_audit(desk: Desk, path: str, body: Any, action: str) -> None:
    async with desk.house.peer("tickets", "operator") as operator:
        assert (await operator.post(path, json=body)).status_code == 204
    entry = good(await desk.ada.get("/api/audit", params={"action": action, "limit": 1}))["items"][0]
    assert (entry["before"], entry["after"]) == (None, body)
    assert (entry["actor"]["kind"], entry["actor"]["id"]) == ("system", "operator")
    assert entry["entity"] == {"type": "store", "id": "tickets"}


@pytest.mark.parametrize(("path", "body"), [("/internal/copies", COPY), ("/internal/import/runs", RUN)])
async def test_nobody_else_can_say_so_and_nonsense_is_refused(desk: Desk, path: str, body: Any) -> None:
    async with desk.house.peer("tickets") as peer:
        for client in (desk.ada, desk.anonymous, peer):
            refused(await client.post(path, json=body), 403, "not-permitted")
    async with desk.house.peer("tickets", "operator") as operator:
        for wrong in ({}, {**body, "digest": "0F" * 32}, {**body, "digest": 7}, {**body, "more": 1}):
            refused(await operator.post(path, json=wrong), 422, "invalid")


STORE = {"source": "/auth", "ok": True, "events": 7, "head": {"sequence": 7, "hash": DIGEST}, "checkpoints": 1}
WELL = {**STORE, "first_bad_sequence": None, "reason": None}
AWAY = {**WELL, "source": "/notifier", "ok": None, "events": 0, "head": {"sequence": 0, "hash": None}, "reason": "It is down."}


async def test_a_verification_that_the_operator_asked_for_is_the_last_result_and_in_the_audit(desk: Desk) -> None:
    async with desk.house.peer("tickets", "operator") as operator:
        assert (await operator.post("/internal/verifications", json={"stores": [WELL, AWAY]})).status_code == 204
    entry = good(await desk.ada.get("/api/audit", params={"action": "ledger_verified", "limit": 1}))["items"][0]
    assert entry["after"]["ok"] is False
    assert entry["after"]["stores"][0] == {"source": "/auth", "ok": True, "events": 7, "hash": DIGEST}
    assert (entry["actor"]["kind"], entry["actor"]["id"]) == ("system", "operator")
    last = await desk.ada.get("/api/audit/verify")
    assert last.status_code == 503
    assert last.json()["stores"] == [WELL, AWAY]


async def test_nobody_else_can_say_what_was_verified(desk: Desk) -> None:
    async with desk.house.peer("tickets") as peer:
        for client in (desk.ada, desk.anonymous, peer):
            refused(await client.post("/internal/verifications", json={"stores": [WELL]}), 403, "not-permitted")
    async with desk.house.peer("tickets", "operator") as operator:
        for wrong in (None, [], [{**WELL, "source": "/web"}], [{**WELL, "ok": "perhaps"}], [WELL] * 5):
            refused(await operator.post("/internal/verifications", json={"stores": wrong}), 422, "invalid")
