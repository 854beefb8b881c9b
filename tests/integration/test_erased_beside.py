"""A rebuild that began before somebody was erased still holds what they wrote: it puts none of it back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chassis.rebuilds import Build, Switch
from events.beside import beside
from events.decider import Context
from events.envelope import Actor
from events.environment import real_environment
from events.erasures import ERASURES, erasure_of, mark
from events.errors import Unavailable
from events.store import Store
from tests.integration.tickets.conftest import Desk, good, running_desk
from tests.support.house import eventually

BY = Context(actor=Actor(kind="system", id="operator"), at=datetime.now(UTC))


def is_done(desk: Desk, person: str) -> bool:
    with desk.house.running("tickets").store.read() as connection:
        found = erasure_of(connection, person)
    return found is not None and found.done_at is not None


async def test_what_was_built_before_an_erasure_is_never_put_in_the_place_of_what_was_blanked(tmp_path: Path) -> None:
    async with running_desk(tmp_path / "desk", "auth", "tickets") as desk:
        ticket = await desk.open(title="What she wrote")
        live = desk.house.running("tickets")
        [material] = [each for each in live.rebuilds.materials() if each.name == "desk"]
        with beside(live.store, tmp_path) as connection:
            build = Build(material, connection)
            build.start()
            while build.position < build.look():
                build.fold()
            async with desk.house.client("auth", cookies={"sid": desk.ada.cookies["sid"]}) as admin:
                good(await admin.post(f"/api/auth/users/{desk.ids['anna']}/erase", json={"email": "usera@example.com"}), 202)
            await eventually(lambda: is_done(desk, desk.ids["anna"]), 60)
            with pytest.raises(Unavailable, match="erased"):
                await live.writer.execute(Switch(build, "tickets", BY))
        assert good(await desk.ada.get(f"/api/tickets/{ticket['id']}"))["title"] == ""
        told = await live.rebuilds.rebuild("desk", BY)
        assert told["equal"], "What was blanked is what a rebuild from the blanked log gives."
        assert told["mended"] == 0


def test_nothing_is_built_while_somebody_is_being_erased(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    try:
        with store.writing.begin() as connection:
            ERASURES.create_all(connection)
            mark(connection, ["anna"], real_environment().now())
        never_asked: Any = None
        with beside(store, tmp_path) as connection, pytest.raises(Unavailable, match="being erased"):
            Build(never_asked, connection).start()
    finally:
        store.close()
