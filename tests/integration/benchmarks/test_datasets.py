"""Desks with many tickets, made quickly: what is in them, and that a desk runs on them."""

import asyncio
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from benchmarks.bench import desk_of, sign_in
from benchmarks.clicking import Clickable
from benchmarks.client import Desk
from benchmarks.datasets import PEOPLE, Datasets
from benchmarks.inside import store_of
from benchmarks.settling import settled
from benchmarks.suites.growth import filters
from tickets import queries
from tickets.queries import Wanted

TICKETS = 900


@pytest.mark.timeout(300)
def test_a_desk_grows_in_steps_and_runs_with_everything_that_was_put_in(tmp_path: Path) -> None:
    datasets = Datasets(tmp_path, seed=3)
    small, large = datasets.of(TICKETS // 3), datasets.of(TICKETS)
    assert datasets.of(TICKETS) is large
    with ExitStack() as stack:
        stores = [stack.enter_context(closing(store_of(each.directory))) for each in (small, large)]
        old, new = (stack.enter_context(store.read()) for store in stores)
        for number in (1, TICKETS // 3):
            assert queries.one(old, number) == queries.one(new, number) is not None
        assert queries.one(old, TICKETS) is None
        pages = {name: queries.page(new, Wanted(**each), limit=25, after=None) for name, each in filters(large).items()}
    assert {name: len(rows) for name, rows in pages.items()} == dict.fromkeys(pages, 25)
    assert len(large.people) == len(set(large.people)) == PEOPLE
    with desk_of(datasets, large, "desk") as desk:
        asyncio.run(settled(desk))
        asyncio.run(check(desk.url, desk.password, large.emails[0], large.people[0], asyncio.run(sign_in(desk)).cookie))


async def check(url: str, password: str, email: str, person: str, admins_cookie: str) -> None:
    """The past has told nobody of anything; from now on everybody hears."""
    async with Desk(url) as client:
        requester = await client.sign_in(email, password)
        assert (await client.ask("GET", "/api/notifications/unread-count", requester))["count"] == 0
        own = (await client.ask("GET", "/api/tickets?limit=1&sort=created_at", requester))["items"][0]
        assert own["requester"] == {"id": person, "name": "Person 1", "email": email}
        request = Clickable(own["id"], person, own["status"]).click()
        headers = {"Cookie": admins_cookie, "Content-Type": "application/json"}
        await client.ask(request.method, request.path, json={"status": str(request.body).split('"')[3]}, headers=headers)
        async with asyncio.timeout(60):
            while (await client.ask("GET", "/api/notifications/unread-count", requester))["count"] == 0:  # noqa: ASYNC110 -- another process
                await asyncio.sleep(0.05)
