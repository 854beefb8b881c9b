"""Asking a service of which several processes run."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from chassis.peers import Peers
from chassis.settings import Settings
from deploy.ports import free_ports
from events.errors import Unavailable
from tests.support.upstream import Upstream, upstream

DIES, ANSWERS = "/api/auth/dies", "/internal/seen"


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[tuple[Peers, Upstream, Upstream]]:
    """Return what asks three processes of tickets, and the two that there are; nobody is where the first should be."""
    (nobody,) = free_ports(1)
    with upstream() as second, upstream() as third:
        urls = " ".join(f"http://127.0.0.1:{port}" for port in (nobody, second.port, third.port))
        peers = Peers(Settings(data_dir=tmp_path, tickets_url=urls), "secret")
        yield peers, second, third
        await peers.close()


async def test_where_nobody_listens_another_is_asked_and_from_then_on_first(asked: tuple[Peers, Upstream, Upstream]) -> None:
    peers, second, third = asked
    for _ in range(3):
        assert (await peers.post("tickets", ANSWERS, {})).status_code == 200
    assert (len(second.seen), len(third.seen)) == (3, 0)


async def test_what_may_have_been_heard_is_not_repeated_but_the_next_question_goes_to_another(
    asked: tuple[Peers, Upstream, Upstream],
) -> None:
    peers, second, third = asked
    with pytest.raises(Unavailable):
        await peers.post("tickets", DIES, {})
    assert (len(second.seen), len(third.seen)) == (1, 0)
    assert (await peers.post("tickets", ANSWERS, {})).status_code == 200
    assert (len(second.seen), len(third.seen)) == (1, 1)


async def test_where_nobody_is_left_that_is_said_once_all_were_tried(tmp_path: Path) -> None:
    peers = Peers(Settings(data_dir=tmp_path, tickets_url=" ".join(f"http://127.0.0.1:{port}" for port in free_ports(3))), "secret")
    with pytest.raises(Unavailable, match="tickets cannot be reached"):
        await peers.get("tickets", ANSWERS)
    await peers.close()


class Vanishing(httpx2.AsyncBaseTransport):
    """Fails as anyio does when a peer dies as it accepts: the socket whose address it asks for is gone."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        raise AttributeError("'NoneType' object has no attribute 'getpeername'")


async def test_a_peer_that_dies_as_it_accepts_cannot_be_reached(tmp_path: Path) -> None:
    peers = Peers(Settings(data_dir=tmp_path), "secret")
    await peers.close()
    peers._client = httpx2.AsyncClient(transport=Vanishing())
    with pytest.raises(Unavailable, match="auth cannot be reached"):
        await peers.post("auth", "/internal/principal", {})
    await peers.close()
