"""The feed of a desk that was restored: what was kept is gone on with, what was not is said to be gone, and where to go on."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from events.contracts.operation import StoreRestored
from events.decider import Context
from events.envelope import Actor
from events.store import log_head
from tests.integration.tickets.conftest import Desk, refused, running_desk
from tests.integration.tickets.following import FEED, STREAM, following, page, pages, seen
from tests.support.stores import Append
from tickets.places import Places

pysqlite3 = pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")


@dataclass(frozen=True)
class Restored:
    """`kept` and `cut` are the positions of the last but one and of the last event of the copy, `beyond` of one that came after it."""

    desk: Desk
    kept: str
    cut: str
    beyond: str


async def now(desk: Desk) -> str:
    await desk.house.settled()
    return str((await page(desk.ada, after="now"))["next"])


@pytest.fixture(scope="module")
async def restored(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Restored]:
    """A desk whose store of tickets is an older copy, as a restore leaves it: under a new origin, told of first of all."""
    async with running_desk(tmp_path_factory.mktemp("restored")) as desk:
        house, file = desk.house, desk.house.settings.data_dir / "tickets.sqlite3"
        await desk.open(title="Before the copy")
        kept = await now(desk)
        await desk.open(title="The last of the copy")
        cut = await now(desk)
        await house.stop("tickets")
        copy = shutil.copy(file, file.with_name("copy"))
        await house.start(*house._services["tickets"])
        for _ in range(3):
            await desk.open(title="After the copy")
        beyond = await now(desk)
        await house.stop("tickets")
        shutil.move(copy, file)
        connection = pysqlite3.connect(file, isolation_level=None)
        [(before, sequence)] = connection.execute("SELECT origin, sequence FROM head").fetchall()
        connection.execute("UPDATE head SET origin = ?, batch = batch + 1", (str(uuid4()),))
        connection.close()
        await house.start(*house._services["tickets"])
        live = house.running("tickets")
        by = Context(actor=Actor(kind="system", id="operator"), at=live.environment.now())
        branch = StoreRestored(origin_before="0193b3f1-9fa0-761a-802f-aec59d0d5465", cut=sequence - 1)
        await live.writer.execute(Append("store/tickets", [StoreRestored(origin_before=before, cut=sequence), branch], by))
        yield Restored(desk, kept, cut, beyond)


async def test_a_position_that_was_kept_is_gone_on_from(restored: Restored) -> None:
    ada = restored.desk.ada
    items = (await page(ada, after=restored.kept))["items"]
    assert [item["event"]["head"]["type"] for item in items[:2]] == ["ticket.created", "store.restored"]
    assert items == (await pages(ada))[-len(items) :]
    async with following(ada, last_id=restored.kept) as stream:
        assert await stream.next() == items[0]


async def test_a_position_beyond_the_cut_is_gone_and_the_cut_is_told(restored: Restored) -> None:
    ada = restored.desk.ada
    for answer in (
        await ada.get(FEED, params={"after": restored.beyond}),
        await ada.get(STREAM, headers={"Last-Event-ID": restored.beyond}),
    ):
        cut = refused(answer, 410, "cut-off")["cut"]
        following_ = (await page(ada, after=cut))["items"]
        assert [item["event"]["head"]["type"] for item in following_[:2]] == ["store.restored", "store.restored"]
        assert following_ == (await page(ada, after=restored.cut))["items"], "The cut is the last event that was kept."
    assert cut != restored.cut, "It names the origin that the store has now."


async def test_a_reader_who_forgets_what_was_cut_off_has_read_everything_once(restored: Restored) -> None:
    ada = restored.desk.ada
    cut = refused(await ada.get(FEED, params={"after": restored.beyond}), 410, "cut-off")["cut"]
    whole = await pages(ada)
    positions = [item["position"] for item in whole]
    read_before = whole[: positions.index(cut) + 1]
    assert read_before + await pages(ada, after=cut) == whole
    assert len(set(seen(whole))) == len(whole)


async def test_of_a_desk_that_branched_off_what_the_two_have_in_common_is_kept(restored: Restored) -> None:
    """It was restored from the same backup, lived for a while, and was then replaced: its readers come with its origin."""
    ada, live = restored.desk.ada, restored.desk.house.running("tickets")
    whole = await pages(ada)
    places, branch = Places(live.secrets["cursor"]), "0193b3f1-9fa0-761a-802f-aec59d0d5465"
    with live.store.read() as connection:
        origin = log_head(connection).origin
    position = [item["position"] for item in whole].index((await page(ada, after=restored.kept, limit=1))["items"][0]["position"]) + 1
    common = position - 1
    last = places.seal(branch, common, whole[common - 1]["event"]["hash"])
    assert (await page(ada, after=last))["items"] == whole[common:]
    problem = refused(await ada.get(FEED, params={"after": places.seal(branch, position, "ab" * 32)}), 410, "cut-off")
    assert problem["cut"] == places.seal(origin, common, whole[common - 1]["event"]["hash"])
