"""Witnesses over real stores: whoever rewrites a service's history, with all its hashes, its tree and its key, is found by the others."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from chassis.signing import rotate
from events import positions
from events.contracts.operation import StoreRestored
from events.cosignatures import Cosigner
from events.decider import Context
from events.envelope import Actor
from events.proofs import check_proof, read_proof
from events.store import SQLITE, log_head
from events.verify import verify_store
from events.witness import load
from events.writer import Vouch
from tests.integration.tickets.conftest import Desk, good, refused, running_desk
from tests.support.forging import Json, forge
from tests.support.house import eventually
from tests.support.stores import Append

pytest.importorskip("pysqlite3", reason="the system's SQLite may be too old for these tests")

LONG = 60.0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with running_desk(tmp_path, "auth", "tickets", "escalator") as running:
        yield running


async def look(desk: Desk, name: str = "escalator") -> Json:
    """Let a service look at its sources now, and return what it says of tickets."""
    async with desk.house.peer(name) as peer:
        return of_tickets(await peer.post("/internal/witness"))


def of_tickets(answer: Any) -> Json:
    """Return what is said of tickets."""
    (state,) = [each for each in good(answer)["items"] if each["source"] == "/tickets"]
    return dict(state)


async def resolve(desk: Desk, *, accept: bool) -> Any:
    async with desk.house.peer("escalator", "operator") as operator:
        return await operator.post("/internal/witness/tickets/resolve", json={"accept": accept})


async def signed(desk: Desk) -> int:
    """Open a ticket, let a checkpoint be signed over it and wait until the others have heard; return how many events there are."""
    await desk.open()
    await desk.house.running("tickets").writer.execute(Vouch())
    await desk.house.settled()
    return head(desk)


def head(desk: Desk) -> int:
    with desk.house.running("tickets").store.read() as connection:
        return log_head(connection).sequence


def consumed(desk: Desk) -> int:
    with desk.house.running("escalator").store.read() as connection:
        return positions.load(connection, "/tickets").sequence


def make_urgent(_head: Json, data: Json) -> None:
    data["priority"] = "urgent"


async def rewrite(desk: Desk, sequence: int) -> None:
    """Rewrite the history of tickets behind its back."""
    signer = desk.house.running("tickets").signer
    await desk.house.stop("tickets")
    forge(desk.house.settings.data_dir / "tickets.sqlite3", signer, sequence, make_urgent)
    await desk.house.start_again("tickets")


FRESH = "0193c4f0-0000-7000-8000-00000000ffff"


def put_back(path: Path, data: bytes) -> None:
    """Let a store be what it was when `data` was read; the service must not run."""
    path.write_bytes(data)
    for left in (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        left.unlink(missing_ok=True)


async def restore(desk: Desk, kept: int, backup: bytes | None = None) -> None:
    """Give the store of tickets, or the backup of it, a new origin, and let it record that it kept so many events."""
    path = desk.house.settings.data_dir / "tickets.sqlite3"
    await desk.house.stop("tickets")
    if backup is not None:
        put_back(path, backup)
    with closing(SQLITE.connect(path)) as connection, connection:
        former = connection.execute("SELECT origin FROM head").fetchone()[0]
        connection.execute("UPDATE head SET origin = ?", (FRESH,))
    await desk.house.start_again("tickets")
    live = desk.house.running("tickets")
    context = Context(actor=Actor(kind="system", id="operator"), at=live.environment.now())
    await live.writer.execute(Append("store/tickets", [StoreRestored(origin_before=former, cut=kept)], context))


async def backup(desk: Desk) -> bytes:
    await desk.house.stop("tickets")
    data = (desk.house.settings.data_dir / "tickets.sqlite3").read_bytes()
    await desk.house.start_again("tickets")
    return data


async def readiness(desk: Desk, name: str = "escalator") -> Json:
    async with desk.house.client(name) as client:
        body: Json = (await client.get("/readyz")).json()
    return body


async def test_a_witness_keeps_the_last_checkpoint_and_cosigns_it(desk: Desk) -> None:
    size = await signed(desk)
    state = await look(desk)
    assert (state["size"], state["alarm"], state["trouble"]) == (size, None, None)
    assert state["key"] == desk.house.running("tickets").signer.public_key
    more = await signed(desk)
    assert more > size
    assert (await look(desk))["size"] == more
    live = desk.house.running("escalator")
    with live.store.read() as connection:
        notes = connection.execute(text("SELECT size, note FROM witnessed WHERE source = '/tickets' ORDER BY size")).all()
    assert [row.size for row in notes] == [size, more]
    assert all("— ste-tickets " in row.note and "— ste-escalator " in row.note for row in notes)


async def test_an_owner_who_lost_a_cosignature_is_given_it_again(desk: Desk) -> None:
    """As when it, or the witness, died between the witness's note of it and the owner's."""
    await signed(desk)
    await look(desk)

    async def cosigned() -> list[Json]:
        async with desk.house.peer("tickets") as peer:
            (item, *_) = good(await peer.get("/internal/checkpoints"))["items"]
        return list(item["cosignatures"])

    before = await cosigned()
    with closing(SQLITE.connect(desk.house.settings.data_dir / "tickets.sqlite3", timeout=30)) as connection, connection:
        assert connection.execute("DELETE FROM cosignatures").rowcount == 1
    assert await cosigned() == []
    await look(desk)
    assert await cosigned() == before


@pytest.mark.parametrize("again", [False, True], ids=["before anything new happens", "after the log went on"])
async def test_a_history_that_was_rewritten_with_its_tree_and_its_key_is_found(desk: Desk, again: bool) -> None:
    forged = head(desk) + 1  # the ticket that is opened now
    await signed(desk)
    await look(desk)
    before = consumed(desk)
    await rewrite(desk, forged)
    live = desk.house.running("tickets")
    alone = verify_store(live.store.read, source="/tickets", public_keys=live.keys.all, seen={})
    assert alone.ok, "by itself the store is what it says"
    if again:
        await desk.open()
        await desk.house.running("tickets").writer.execute(Vouch())
    state = await look(desk)
    assert "was rewritten" in state["alarm"]
    assert state["evidence"].startswith("ste/tickets/"), "the signed note that contradicts what was signed before"
    ready = await readiness(desk)
    assert (ready["status"], ready["figures"]["witness_alarms"]) == ("degraded", 1)
    assert state["alarm"] in ready["reasons"]
    async with desk.house.client("escalator") as client:
        assert 'ste_figure{name="witness_alarms"} 1.0' in (await client.get("/metrics")).text
    await desk.open()
    await eventually(lambda: "was rewritten" in (desk.house.running("escalator").consumers["/tickets"].alarm or ""), LONG)
    assert consumed(desk) == before


async def test_an_alarm_outlives_the_process_until_an_operator_resolves_it(desk: Desk) -> None:
    forged = head(desk) + 1
    await signed(desk)
    await look(desk)
    await rewrite(desk, forged)
    alarm = (await look(desk))["alarm"]
    await desk.house.restart("escalator")
    with desk.house.running("escalator").store.read() as connection:
        assert load(connection, "/tickets").alarm == alarm
    assert alarm in (await readiness(desk))["reasons"]
    state = of_tickets(await resolve(desk, accept=False))
    assert "was rewritten" in state["alarm"], "what contradicts goes on to contradict"
    state = of_tickets(await resolve(desk, accept=True))
    assert (state["alarm"], state["trouble"]) == (None, None)
    ticket = await desk.open()
    await eventually(lambda: consumed(desk) == head(desk), LONG)
    assert (await readiness(desk))["figures"]["witness_alarms"] == 0
    with desk.house.running("escalator").store.read() as connection:
        told = connection.execute(text("SELECT data FROM events WHERE type = 'witness.resolved' ORDER BY sequence")).scalars().all()
    assert [b'"accepted":true' in data for data in told] == [False, True]
    assert ticket["id"]


async def test_what_comes_back_as_it_was_is_consumed_once_that_is_confirmed(desk: Desk) -> None:
    path = desk.house.settings.data_dir / "tickets.sqlite3"
    forged = head(desk) + 1
    await signed(desk)
    await look(desk)
    right = await backup(desk)
    await rewrite(desk, forged)
    assert (await look(desk))["alarm"]
    await desk.house.stop("tickets")
    put_back(path, right)
    await desk.house.start_again("tickets")
    assert (await look(desk))["alarm"], "that all is well again is an operator's to say"
    state = of_tickets(await resolve(desk, accept=False))
    assert state["alarm"] is None
    await desk.open()
    await eventually(lambda: consumed(desk) == head(desk), LONG)


async def test_a_cut_tail_is_found(desk: Desk) -> None:
    path = desk.house.settings.data_dir / "tickets.sqlite3"
    await signed(desk)
    old = await backup(desk)
    size = await signed(desk)
    assert (await look(desk))["size"] == size
    await desk.house.stop("tickets")
    put_back(path, old)
    await desk.house.start_again("tickets")
    assert f"a checkpoint over {size} was witnessed" in (await look(desk))["alarm"]
    refused(await resolve(desk, accept=True), 409, "conflict")


async def test_an_owner_who_is_away_is_no_alarm(desk: Desk) -> None:
    await signed(desk)
    size = (await look(desk))["size"]
    await desk.house.stop("tickets")
    state = await look(desk)
    assert (state["alarm"], state["size"]) == (None, size)
    assert "cannot be reached" in state["trouble"]
    await desk.house.start_again("tickets")
    assert (await look(desk))["trouble"] is None


async def test_words_that_are_none_are_not_kept(desk: Desk) -> None:
    size = await signed(desk)
    escalator = desk.house.running("escalator").cosigner
    async with desk.house.peer("tickets") as peer:
        (item, *_) = good(await peer.get("/internal/checkpoints"))["items"]
        body = item["note"].partition("\n\n")[0] + "\n"
        word = {"size": size, "key": escalator.public_key, "line": escalator.cosign(body, 1_795_000_000)}
        refused(await peer.post("/internal/cosignatures", json=word | {"size": size + 1}), 404, "not-found")
        refused(await peer.post("/internal/cosignatures", json=word | {"line": escalator.cosign("another\n", 1)}), 422, "invalid")
        refused(await peer.post("/internal/cosignatures", json=word | {"line": ""}), 422, "invalid")
        for key in ("", "ste", "ste-escalator++"):
            refused(await peer.post("/internal/cosignatures", json=word | {"key": key}), 422, "invalid")
        for name in ("ste-escalator", "ste-tickets", "ste-nobody", "escalator"):
            stranger = Cosigner(b"\x07" * 32, name)
            claimed = {"size": size, "key": stranger.public_key, "line": stranger.cosign(body, 1_795_000_000)}
            refused(await peer.post("/internal/cosignatures", json=claimed), 422, "invalid")
        assert (await peer.post("/internal/cosignatures", json=word)).status_code == 204
        assert (await peer.post("/internal/cosignatures", json=word)).status_code == 204
        (item, *_) = good(await peer.get("/internal/checkpoints"))["items"]
    assert item["cosignatures"] == [{"key": escalator.public_key, "time": 1_795_000_000}]


async def test_a_key_that_was_handed_over_is_followed_by_witnesses_verifiers_and_files(desk: Desk) -> None:
    await signed(desk)
    first = (await look(desk))["key"]
    await desk.house.stop("tickets")
    rotate(desk.house.settings.secrets_dir, "tickets")
    await desk.house.start_again("tickets")
    live = desk.house.running("tickets")
    size = await signed(desk)
    state = await look(desk)
    assert (state["key"], state["size"], state["alarm"], state["trouble"]) == (first, size, None, None)
    assert verify_store(live.store.read, source="/tickets", public_keys=live.keys.all, seen={}).ok
    ticket = (await desk.open())["id"]
    answer = await desk.ada.get("/api/audit/proof", params={"ticket": ticket})
    proved = check_proof(read_proof(answer.content), first)
    assert proved.keys == [first, live.signer.public_key]
    async with desk.house.peer("tickets") as peer:
        shown = good(await peer.get("/internal/checkpoints"))
    assert (shown["first_key"], shown["key"], len(shown["rotations"])) == (first, live.signer.public_key, 1)


async def test_a_recorded_restore_is_no_rewriting(desk: Desk) -> None:
    kept = await signed(desk)
    assert (await look(desk))["size"] == kept
    await restore(desk, kept)
    state = await look(desk)
    assert (state["alarm"], state["trouble"], state["size"], state["origin"]) == (None, None, kept + 1, FRESH)
    await eventually(lambda: consumed(desk) == head(desk), LONG)


async def test_a_restore_of_one_log_alone_that_cut_off_what_was_witnessed_is_an_operators_to_accept(desk: Desk) -> None:
    """Whoever has the disk and the key can tell of a restore too, and go on with what he likes."""
    kept = await signed(desk)
    await look(desk)
    then = await backup(desk)
    seen = await signed(desk)
    assert (await look(desk))["size"] == seen == kept + 1
    await restore(desk, kept, then)
    state = await look(desk)
    assert f"cut off after event {kept}, and {seen} of its events were seen here" in state["alarm"]
    assert (state["size"], f"/{FRESH}\n" in state["evidence"]) == (seen, True)
    live = desk.house.running("escalator")
    with live.store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM witnessed WHERE origin = :it"), {"it": FRESH}).scalar_one() == 0, "cosigned"
    assert "cut off" in of_tickets(await resolve(desk, accept=False))["alarm"], "it goes on to lack what was seen"
    state = of_tickets(await resolve(desk, accept=True))
    assert (state["alarm"], state["trouble"], state["size"], state["origin"]) == (None, None, kept + 1, FRESH)
    await desk.open()
    await eventually(lambda: consumed(desk) == head(desk), LONG)


async def test_a_restore_that_cut_off_what_was_consumed_only_is_found_too(desk: Desk) -> None:
    kept = await signed(desk)
    await look(desk)
    then = await backup(desk)
    await desk.open()
    await eventually(lambda: consumed(desk) == head(desk) > kept, LONG)
    await restore(desk, kept, then)
    assert f"cut off after event {kept}, and {kept + 1} of its events were seen here" in (await look(desk))["alarm"]


async def test_a_restore_ends_no_alarm(desk: Desk) -> None:
    """Else who was found had only to tell of one."""
    forged = head(desk) + 1
    kept = await signed(desk)
    await look(desk)
    right = await backup(desk)
    await rewrite(desk, forged)
    alarm = (await look(desk))["alarm"]
    await restore(desk, kept, right)
    state = await look(desk)
    assert (state["alarm"], state["size"]) == (alarm, kept)
    assert alarm is not None
    state = of_tickets(await resolve(desk, accept=False))
    assert (state["alarm"], state["trouble"], state["size"], state["origin"]) == (None, None, kept + 1, FRESH)


async def test_a_restore_excuses_nothing_that_it_says_it_kept(desk: Desk) -> None:
    path = desk.house.settings.data_dir / "tickets.sqlite3"
    forged = head(desk) + 1
    kept = await signed(desk)
    await look(desk)
    then, signer = await backup(desk), desk.house.running("tickets").signer
    await signed(desk)
    await look(desk)
    await desk.house.stop("tickets")
    good_one = path.read_bytes()
    put_back(path, then)
    forge(path, signer, forged, make_urgent)
    bad_one = path.read_bytes()
    put_back(path, good_one)
    await desk.house.start_again("tickets")
    await restore(desk, kept, bad_one)
    assert f"does not begin with the {kept} that were witnessed" in (await look(desk))["alarm"]


async def test_another_origin_that_nobody_recorded_is_an_alarm(desk: Desk) -> None:
    path = desk.house.settings.data_dir / "tickets.sqlite3"
    await signed(desk)
    await look(desk)
    await desk.house.stop("tickets")
    with closing(SQLITE.connect(path)) as connection, connection:
        connection.execute("UPDATE head SET origin = ?", (FRESH,))
    await desk.house.start_again("tickets")
    await signed(desk)
    assert "no signed restore tells why" in (await look(desk))["alarm"]
