"""A journal that somebody changed is neither passed on nor exported: it is said in words, and the log has it for whoever runs the desk."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import httpx2
import pytest
from sqlalchemy import text

from events.export_files import verify_export
from tests.integration.tickets.conftest import Desk, good, refused, running_desk
from tests.integration.tickets.damage import damaged
from tests.integration.tickets.following import FEED, STREAM, following, page, pages
from tickets import exporting, live
from tickets.feed import Bounds


@pytest.fixture(scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """A desk that somebody has read and exported already: that it is, is no news that would be written behind what is changed."""
    async with running_desk(tmp_path_factory.mktemp("told")) as desk:
        for _ in range(3):
            await desk.open()
        await desk.house.settled()
        await pages(desk.ada)
        await pages(desk.ada, "type=user.")
        good_text(await desk.ada.get("/api/audit/export"))
        await desk.house.settled()
        yield desk


def good_text(answer: httpx2.Response) -> bytes:
    assert answer.status_code == 200, answer.text
    return answer.content


def place(desk: Desk, where: str) -> int:
    """Return the position of the first event of the journal that is so."""
    with desk.house.running("tickets").store.read() as connection:
        return int(connection.execute(text(f"SELECT min(position) FROM journal WHERE {where}")).scalar_one())


OTHERS = "wire IS NOT NULL AND type = 'user.registered'"
OWN = "wire IS NULL AND type = 'ticket.created'"
DAMAGE = {
    "another's bytes are no event": (OTHERS, "UPDATE journal SET wire = CAST('{\"head\":' AS BLOB) WHERE position = {at}"),
    "another's hash is none": (
        OTHERS,
        "UPDATE journal SET wire = CAST(replace(wire, '\"hash\"', '\"mash\"') AS BLOB) WHERE position = {at}",
    ),
    "another's bytes as text": (OTHERS, "UPDATE journal SET wire = CAST(wire AS TEXT) WHERE position = {at}"),
    "another's bytes gone": (OTHERS, "UPDATE journal SET wire = NULL, sequence = -7 WHERE position = {at}"),
    "an own event gone": (OWN, "DELETE FROM events WHERE sequence = (SELECT sequence FROM journal WHERE position = {at})"),
    "a row gone": (OTHERS, "DELETE FROM journal WHERE position = {at}"),
}


@pytest.mark.parametrize("what", DAMAGE)
async def test_the_feed_says_in_words_that_it_cannot_pass_on_what_was_changed(
    told: Desk, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    where, statement = DAMAGE[what]
    at = place(told, where)
    before = (await page(told.ada, limit=at - 1))["next"] if at > 1 else "0"
    with damaged(told, 0, statement.replace("{at}", str(at))):
        for path in (FEED, STREAM):
            problem = refused(await told.ada.get(path, params={"after": before}), 409, "log-broken")
            assert "Let the stores be verified" in problem["detail"]
        async with told.house.peer("tickets", "operator") as operator:
            assert (await operator.get("/internal/journal", params={"position": at - 1})).status_code == 409
    assert f"at position {at} of the journal is not what was written" in caplog.text
    good(await told.ada.get(FEED, params={"after": before}))


async def test_a_stream_that_comes_to_what_was_changed_ends_and_is_told_why_when_it_comes_back(
    told: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "MORSEL", Bounds(events=1, size=1, seconds=1.0))
    where, statement = DAMAGE["another's hash is none"]
    at = place(told, f"{where} AND position > 1")
    with damaged(told, 0, statement.replace("{at}", str(at))):
        async with following(told.ada) as stream:
            for _ in range(at - 1):
                await stream.next()
            with pytest.raises(StopAsyncIteration):
                await stream.next()
        answer = await told.ada.get(STREAM, headers={"Last-Event-ID": stream.last_id or ""})
        refused(answer, 409, "log-broken")
    assert not [record for record in caplog.records if record.exc_info], "An error of ours is none that was foreseen."


async def test_an_export_of_what_was_changed_is_refused_before_it_begins(told: Desk, tmp_path: Path) -> None:
    where, statement = DAMAGE["another's bytes are no event"]
    at = place(told, where)
    with damaged(told, 0, statement.replace("{at}", str(at))):
        for format_ in ("jsonl", "csv"):
            refused(await told.ada.get("/api/audit/export", params={"format": format_}), 409, "log-broken")
    path = tmp_path / "audit.jsonl"
    path.write_bytes(good_text(await told.ada.get("/api/audit/export")))
    assert verify_export(path).chained


async def test_an_export_that_comes_to_what_was_changed_later_is_cut_off_and_not_taken_for_whole(
    told: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(exporting, "_PAGE", 1)
    where, statement = DAMAGE["another's bytes are no event"]
    at, path = place(told, f"{where} AND position > 2"), tmp_path / "audit.jsonl"
    with damaged(told, 0, statement.replace("{at}", str(at))), path.open("wb") as file, pytest.raises(httpx2.RemoteProtocolError):
        await download(told.ada, file)
    assert path.stat().st_size > 0
    with pytest.raises(ValueError, match="not whole"):
        verify_export(path)


async def download(client: httpx2.AsyncClient, file: BinaryIO) -> None:
    async with client.stream("GET", "/api/audit/export") as answer:
        assert answer.status_code == 200
        async for part in answer.aiter_bytes():
            file.write(part)
