"""Who was erased a moment ago, and whom a process still believes to be signed in, leaves no name in an answer that is kept for a day."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import select

from chassis.tables import KEPT
from events import erasures
from events.decider import Key, Transaction
from tests.integration.tickets.conftest import good, refused, running_desk


class Erased:
    """Puts up the tombstone of a person, as it is put up when their erasure is heard of."""

    def __init__(self, person: str) -> None:
        self.person = person

    def reads(self) -> Iterable[Key]:
        return ()

    def run(self, tx: Transaction) -> None:
        erasures.note(tx, self.person)


async def test_an_erased_admins_note_is_refused_and_no_answer_with_their_name_is_kept(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        ticket = await desk.open()
        address, live = f"/api/tickets/{ticket['id']}/notes", desk.house.running("tickets")
        good(await desk.alf.post(address, json={"body": "It smokes."}, headers={"Idempotency-Key": "before"}), 201)
        await live.writer.execute(Erased(desk.ids["ada"]))
        refused(await desk.ada.post(address, json={"body": "It burns."}, headers={"Idempotency-Key": "after"}), 401, "not-signed-in")
        with live.store.read() as connection:
            bodies = list(connection.scalars(select(KEPT.c.body)))
        assert [b"Admin B" in body for body in bodies] == [True]
