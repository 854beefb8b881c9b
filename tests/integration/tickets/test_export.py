"""The audit as a file: what it holds, what covers it, and that it proves itself to whoever has nothing but the file."""

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from events.export_files import Verified, verify_export
from events.exported import Wrong
from tests.integration.tickets.conftest import Desk, good, refused, running_desk


@pytest.fixture(scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with running_desk(tmp_path_factory.mktemp("whole"), "auth", "tickets", "notifier", "escalator") as running:
        for number in range(3):
            ticket = await running.open(title=f"=HYPERLINK({number})")
            good(await running.put(ticket, "priority", "high"))
            good(await running.put(ticket, "status", "resolved"))
        await running.house.settled()
        yield running


async def export(desk: Desk, path: Path, **params: str) -> tuple[Verified, bytes]:
    """Export, verify, and return what was proved with the file."""
    answer = await desk.ada.get("/api/audit/export", params=params)
    assert answer.status_code == 200, answer.text
    path.write_bytes(answer.content)  # noqa: ASYNC240 -- a small file
    return verify_export(path), answer.content


def entries(content: bytes) -> list[dict[str, Any]]:
    *lines, _covered, _seal = content.splitlines()
    return [json.loads(line) for line in lines]


async def listed(desk: Desk, **params: Any) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = good(await desk.ada.get("/api/audit", params={"limit": 100, **params, **({"cursor": cursor} if cursor else {})}))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def test_a_whole_export_has_every_entry_with_its_event_and_leads_to_every_signed_root(whole: Desk, tmp_path: Path) -> None:
    verified, content = await export(whole, tmp_path / "audit.jsonl")
    exported = entries(content)
    shown = [{name: value for name, value in entry.items() if name not in ("passed", "event")} for entry in exported]
    everything = [entry for entry in await listed(whole) if entry["action"] != "audit_read"]
    assert sorted((entry for entry in shown if entry["action"] != "audit_read"), key=str) == sorted(everything, key=str)
    assert all(entry["event"]["head"]["id"] == entry["id"] for entry in exported)
    assert (verified.format, verified.entries, verified.chained) == ("jsonl", len(exported), True)
    assert {source.source for source in verified.sources} == {entry["source"] for entry in exported} >= {"/auth", "/tickets", "/escalator"}
    assert verified.about["by"] == {"kind": "user", "id": whole.ids["ada"]}
    assert verified.about["filter"] == {"format": "jsonl"}
    last = {entry["source"]: entry["sequence"] for entry in exported}
    assert all(source.checkpoint.size >= last[source.source] for source in verified.sources)


async def test_each_source_stands_in_the_order_of_its_log(whole: Desk, tmp_path: Path) -> None:
    _, content = await export(whole, tmp_path / "audit.jsonl")
    for source in ("/auth", "/tickets"):
        sequences = [entry["sequence"] for entry in entries(content) if entry["source"] == source]
        assert sequences == sorted(set(sequences))


@pytest.mark.parametrize(
    "params",
    [{"action": "ticket_created"}, {"entity": "ticket", "entity_id": "2"}, {"q": "admin a"}, {"until": "1990-01-01T00:00:00Z"}],
    ids=str,
)
async def test_what_is_filtered_out_is_passed_over_and_the_rest_still_leads_to_the_roots(
    whole: Desk, tmp_path: Path, params: dict[str, str]
) -> None:
    verified, content = await export(whole, tmp_path / "audit.jsonl", **params)
    wanted = [entry["id"] for entry in await listed(whole, **params) if entry["action"] != "audit_read"]
    assert [entry["id"] for entry in entries(content) if entry["action"] != "audit_read"][::-1] == wanted
    assert verified.chained
    assert verified.about["filter"] == {"format": "jsonl", **params} | (
        {"until": "1990-01-01T00:00:00.000000Z"} if "until" in params else {}
    )


async def test_a_table_holds_the_same_and_is_safe_to_open(whole: Desk, tmp_path: Path) -> None:
    verified, content = await export(whole, tmp_path / "audit.csv", format="csv", entity="ticket")
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert (verified.format, verified.chained) == ("csv", False)
    assert [row["id"] for row in rows if row["id"]][::-1] == [entry["id"] for entry in await listed(whole, entity="ticket")]
    assert [row["action"] for row in rows if not row["id"]] == ["checkpoint"] * len(verified.sources) + ["export", "seal"]
    created = next(row for row in rows if row["action"] == "ticket_created")
    assert json.loads(created["after"])["title"] == "=HYPERLINK(0)"
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


async def test_a_keys_owner_may_be_named(whole: Desk, tmp_path: Path) -> None:
    verified, _ = await export(whole, path := tmp_path / "audit.jsonl")
    keys = {source.key for source in verified.sources}
    assert verify_export(path, pinned=keys) == verified
    with pytest.raises(ValueError, match="a key that you did not name"):
        verify_export(path, pinned=keys - {verified.key})


async def test_several_processes_find_what_one_finds(whole: Desk, tmp_path: Path) -> None:
    verified, content = await export(whole, path := tmp_path / "audit.jsonl")
    assert verify_export(path, processes=2) == verified
    path.write_bytes(content.replace(b'"priority":"high"', b'"priority":"low_"', 1))
    with pytest.raises(Wrong) as one:
        verify_export(path)
    with pytest.raises(Wrong) as two:
        verify_export(path, processes=2)
    assert str(one.value) == str(two.value)


@pytest.mark.parametrize("query", ["format=xml", "limit=5", "cursor=abc", "since=yesterday", "who=me"])
async def test_an_export_that_cannot_be_meant_is_refused(whole: Desk, query: str) -> None:
    refused(await whole.ada.get(f"/api/audit/export?{query}"), 422, "invalid")


async def test_exports_are_for_admins(whole: Desk) -> None:
    refused(await whole.anna.get("/api/audit/export"), 403, "not-permitted")
    refused(await whole.anonymous.get("/api/audit/export"), 401, "not-signed-in")


async def test_nothing_is_exported_while_a_source_does_not_sign(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.house.settled()
        good(await desk.ada.get("/api/audit"))
        await desk.house.stop("auth")
        answer = await desk.ada.get("/api/audit/export")
        assert answer.headers["retry-after"]
        refused(answer, 503, "unavailable")
