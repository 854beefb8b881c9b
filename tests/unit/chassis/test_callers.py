from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from chassis.answers import json_answer, no_content
from chassis.callers import client_address, neighbourhood, operator_only, ours_only, peers_only
from chassis.lean import LeanRoute
from tests.unit.chassis.conftest import SECRETS, Visit, desk

router = APIRouter(route_class=LeanRoute)


@router.get("/address")
async def address(request: Request) -> Response:
    return json_answer({"address": client_address(request)})


@router.get("/peers")
async def peers(_: Annotated[None, Depends(peers_only)]) -> Response:
    return no_content()


@router.get("/operator")
async def operator(_: Annotated[None, Depends(operator_only)]) -> Response:
    return no_content()


@router.get("/ours")
async def ours(_: Annotated[None, Depends(ours_only)]) -> Response:
    return no_content()


CREDENTIAL = {"x-ste-credential": SECRETS["services"]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "expected"),
    [
        ("127.0.0.1", "203.0.113.7", "", "203.0.113.7"),
        ("127.0.0.1", "", "", "127.0.0.1"),
        ("198.51.100.1", "203.0.113.7", "", "198.51.100.1"),  # not the gateway: its word counts for nothing
        ("127.0.0.1", "1.1.1.1, 203.0.113.7", "", "203.0.113.7"),  # only the last hop is the gateway's own word
        ("127.0.0.1", "203.0.113.7, 10.0.0.1", "10.0.0.0/8", "203.0.113.7"),
        ("127.0.0.1", "1.1.1.1, 203.0.113.7, 10.0.0.1", "10.0.0.0/8", "203.0.113.7"),
        ("127.0.0.1", "10.0.0.2, 10.0.0.1", "10.0.0.0/8", "10.0.0.2"),
        ("127.0.0.1", "<script>, 10.0.0.1", "10.0.0.0/8", "10.0.0.1"),
        ("127.0.0.1", "garbage", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.7:4711", "", "127.0.0.1"),
        ("::1", "2001:DB8::1", "", "2001:db8::1"),
        ("::ffff:127.0.0.1", "::ffff:203.0.113.7", "", "203.0.113.7"),
    ],
)
async def test_the_clients_address_comes_from_a_trusted_hop_alone(
    visiting: Visit, peer: str, forwarded: str, proxies: str, expected: str
) -> None:
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    async with visiting(desk(router, trusted_proxies=proxies), address=peer) as client:
        assert (await client.get("/address", headers=headers)).json() == {"address": expected}


async def test_only_one_of_ours_may_pass_an_address_on(visiting: Visit) -> None:
    passed = {"x-ste-address": "203.0.113.9"}
    async with visiting(desk(router)) as client:
        assert (await client.get("/address", headers=passed)).json() == {"address": "127.0.0.1"}
        assert (await client.get("/address", headers=passed | {"x-ste-credential": SECRETS["operator"]})).json() == {"address": "127.0.0.1"}
        assert (await client.get("/address", headers=passed | CREDENTIAL)).json() == {"address": "203.0.113.9"}


@pytest.mark.parametrize(
    ("door", "sent", "status"),
    [
        ("peers", "services", 204),
        ("peers", "operator", 403),
        ("operator", "operator", 204),
        ("operator", "services", 403),
        ("ours", "services", 204),
        ("ours", "operator", 204),
        ("ours", None, 403),
    ],
)
async def test_internal_doors_open_to_their_own_secret_alone(visiting: Visit, door: str, sent: str | None, status: int) -> None:
    headers = {"x-ste-credential": SECRETS[sent]} if sent else {}
    async with visiting(desk(router)) as client:
        assert (await client.get(f"/{door}", headers=headers)).status_code == status
        assert (await client.get(f"/{door}", headers=[(b"x-ste-credential", "ü".encode())])).status_code == 403
        assert (await client.get(f"/{door}", headers={"x-ste-credential": ""})).status_code == 403


def test_limits_count_whole_ipv6_networks() -> None:
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2::ffff") == "2001:db8:1:2::/64"
    assert neighbourhood("203.0.113.7") == "203.0.113.7"
    assert neighbourhood("") == ""
