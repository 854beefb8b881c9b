"""Derived tables of a consumer, filled again: the same rows, and no effect a second time."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, update

from events.contracts import CATALOGUE
from events.contracts.user import UserPasswordChanged, UserRegistered
from events.decider import Key, Transaction
from events.environment import real_environment
from events.errors import Unavailable
from events.forms import declare, is_outdated
from events.handling import Subscription
from events.intake import Batch
from events.positions import START, load
from events.projections import Recorded
from events.rebuilding import rebuild
from events.retrying import Parking
from tests.support.stores import Shop, each, handle, handle_once_per_subject, handled, once

ENVIRONMENT = real_environment()


def derive(tx: Transaction, recorded: Recorded) -> None:
    """Note each subject once."""
    handle_once_per_subject(tx, recorded)


SUBSCRIPTION = Subscription(source="/auth", derived=each({"user.registered": derive}), tables=[once, handled], handlers={})


@pytest.fixture
async def owner(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path / "auth.sqlite3", "/auth", ENVIRONMENT)
    for person in ("anna", "ben", "anna", "cleo", "anna", "dora"):
        shop.append(f"user/{person}", UserRegistered(role="user", can_sign_in=True), UserPasswordChanged())
    yield shop
    await shop.close()


@pytest.fixture
async def desk(tmp_path: Path, owner: Shop) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path / "tickets.sqlite3", "/tickets", ENVIRONMENT)
    await consume(shop, owner, SUBSCRIPTION)
    yield shop
    await shop.close()


async def consume(desk: Shop, owner: Shop, subscription: Subscription) -> None:
    batch = Batch(subscription=subscription, catalogue=CATALOGUE, record=None, position=START, events=owner.log())
    await desk.writer.execute(batch)


def subjects(desk: Shop) -> list[str]:
    with desk.store.read() as connection:
        return sorted(connection.scalars(select(once.c.subject)))


class Spoil:
    """Changes what is derived, as a bug did."""

    sql = True

    def reads(self) -> list[Key]:
        return []

    def run(self, tx: Transaction) -> None:
        tx.connection.execute(update(once).values(subject=once.c.subject + "x"))


async def test_derived_tables_are_filled_again_without_what_is_parked(owner: Shop, desk: Shop) -> None:
    before = subjects(desk), desk.handled(), desk.parked()
    assert [event.sequence for event in before[2]] == [5, 9]  # a constraint refuses anna's second, and the third waits behind it
    await desk.writer.execute(Spoil())
    count = await rebuild(writer=desk.writer, store=desk.store, own="/tickets", subscription=SUBSCRIPTION, feed=owner.feed)
    assert count == 4
    assert (subjects(desk), desk.handled(), desk.parked()) == before


async def test_tables_of_an_older_version_are_left_to_be_made_anew_and_then_are_of_the_new_one(owner: Shop, desk: Shop) -> None:
    form = MetaData()
    table = Table("once", form, Column("subject", String(140), primary_key=True), Column("times", Integer, nullable=False))

    def count(tx: Transaction, recorded: Recorded) -> None:
        tx.connection.execute(insert(table), {"subject": recorded.stored.subject, "times": 1})

    newer = replace(SUBSCRIPTION, derived=each({"user.registered": count}), tables=[table], version=2)
    with desk.store.writing.begin() as connection:
        declare(connection, SUBSCRIPTION)
        assert not is_outdated(connection, SUBSCRIPTION)
        declare(connection, newer)
        assert is_outdated(connection, newer)
    before = subjects(desk)
    await rebuild(writer=desk.writer, store=desk.store, own="/tickets", subscription=newer, feed=owner.feed)
    with desk.store.read() as connection:
        assert [tuple(row) for row in connection.execute(select(table).order_by(table.c.subject))] == [(name, 1) for name in before]
        assert not is_outdated(connection, newer)
        assert not is_outdated(connection, SUBSCRIPTION), "An old replica does not make them anew in its own form."
        position = load(connection, "/auth")
    owner.append("user/emil", UserRegistered(role="user", can_sign_in=True))
    batch = Batch(subscription=SUBSCRIPTION, catalogue=CATALOGUE, record=None, position=position, events=owner.log()[-1:])
    with pytest.raises(Unavailable, match="is of version 2 here; this process knows 1"):
        await desk.writer.execute(batch)
    await desk.writer.execute(replace(batch, subscription=newer))


async def test_tables_that_nobody_wrote_the_version_of_are_of_the_first(desk: Shop) -> None:
    with desk.store.writing.begin() as connection:
        newer = replace(SUBSCRIPTION, version=2)
        declare(connection, newer)
        assert is_outdated(connection, newer)


async def test_what_an_operator_gave_up_is_left_out(owner: Shop, desk: Shop) -> None:
    parking = Parking(writer=desk.writer, store=desk.store, source="/tickets", subscriptions=[SUBSCRIPTION], environment=ENVIRONMENT)
    for event in desk.parked():
        await parking.skip("/auth", event.sequence, desk.context())
    assert desk.parked() == []
    before = subjects(desk), desk.handled()
    await rebuild(writer=desk.writer, store=desk.store, own="/tickets", subscription=SUBSCRIPTION, feed=owner.feed)
    assert (subjects(desk), desk.handled()) == before


async def test_effects_do_not_happen_again(owner: Shop, tmp_path: Path) -> None:
    effects = Subscription(source="/auth", derived={}, handlers=each({"user.password_changed": handle}))
    shop = Shop(tmp_path / "notifier.sqlite3", "/notifier", ENVIRONMENT)
    try:
        await consume(shop, owner, effects)
        before = shop.handled()
        await rebuild(writer=shop.writer, store=shop.store, own="/notifier", subscription=effects, feed=owner.feed)
        assert shop.handled() == before == [2, 4, 6, 8, 10, 12]
    finally:
        await shop.close()


async def test_a_rebuild_that_fails_changes_nothing(owner: Shop, desk: Shop) -> None:
    before = subjects(desk), desk.handled()

    def broken(_tx: Transaction, _recorded: Recorded) -> None:
        raise KeyError("on purpose")

    subscription = Subscription(source="/auth", derived=each({"user.registered": broken}), tables=[once, handled])
    with pytest.raises(RuntimeError, match="/auth 1 was handled once and now cannot be"):
        await rebuild(writer=desk.writer, store=desk.store, own="/tickets", subscription=subscription, feed=owner.feed)
    assert (subjects(desk), desk.handled()) == before


async def test_events_that_are_handled_while_the_history_is_read_are_not_lost(owner: Shop, desk: Shop) -> None:
    asked = 0

    async def feed(source: str, after: int, limit: int) -> list[bytes]:
        nonlocal asked
        asked += 1
        if asked == 1:
            owner.append("user/emil", UserRegistered(role="user", can_sign_in=True))
            with desk.store.read() as connection:
                position = load(connection, "/auth")
            batch = Batch(subscription=SUBSCRIPTION, catalogue=CATALOGUE, record=None, position=position, events=owner.log()[-1:])
            await desk.writer.execute(batch)
            return (await owner.feed(source, after, limit))[:-1]
        return await owner.feed(source, after, limit)

    await rebuild(writer=desk.writer, store=desk.store, own="/tickets", subscription=SUBSCRIPTION, feed=feed)
    assert "user/emil" in subjects(desk)
    assert asked == 2
