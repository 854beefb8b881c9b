"""Where there are more admins than a choice offers, each of them can still be given a ticket."""

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape

import httpx2
import pytest

from tests.integration.web.desks import make_admin, pages, sign_in
from tests.support.house import House, house

MANY = 103
ZOE = "zoe@example.org"


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return a desk with so many admins that Zoe, the last by name, is not among those who are offered."""
    async with house(tmp_path_factory.mktemp("assigning"), "auth", "tickets") as running:
        await make_admin(running, "Zoe", ZOE)
        for begin in range(0, MANY, 10):
            numbers = range(begin, min(begin + 10, MANY))
            await asyncio.gather(*(make_admin(running, f"Admin {number:03}", f"admin.{number}@example.org") for number in numbers))
        await running.settled(timeout=120)
        yield running


@pytest.fixture
async def zoe(desk: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the pages in which Zoe is signed in."""
    async with pages(desk.settings) as client:
        await sign_in(client, ZOE)
        yield client


async def opened(client: httpx2.AsyncClient, title: str) -> int:
    answer = await client.post("/tickets/new", data={"title": title, "body": "In the hall.", "priority": "normal"})
    return int(answer.headers["location"].rpartition("/")[2])


def fields(html: str) -> list[tuple[str, str]]:
    """Return the hidden fields of the last form of a page."""
    form = html.rpartition('<form method="post" action="/tickets')[2].partition("</form>")[0]
    return [(name, unescape(value)) for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)]


def offered(html: str) -> list[str]:
    """Return the ids of those to whom a button of the page assigns."""
    return re.findall(r'<button name="assignee_id" value="([^"]+)">', html)


async def assignee(client: httpx2.AsyncClient, number: int) -> str | None:
    found = re.search(r"<dt>Assignee</dt><dd>.*?<span class=\"name\">([^<]*)", (await client.get(f"/tickets/{number}")).text)
    return found and found[1]


async def test_who_is_not_offered_at_a_ticket_is_found_by_name(zoe: httpx2.AsyncClient) -> None:
    number = await opened(zoe, "For somebody who is far down the list")
    page = (await zoe.get(f"/tickets/{number}")).text
    assert '<option value="another">Somebody else…</option>' in page
    assert "Admin 102" not in page
    asked = await zoe.post(f"/tickets/{number}/assignee", data={"version": "1", "assignee_id": "another"})
    assert (asked.status_code, asked.headers["location"]) == (303, f"/tickets/{number}/assign?version=1")

    found = (await zoe.get(f"/tickets/{number}/assign?version=1&q=102")).text
    (last,) = offered(found)
    assert fields(found) == [("version", "1")]
    given = await zoe.post(f"/tickets/{number}/assignee", data={"version": "1", "assignee_id": last})
    assert (given.status_code, given.headers["location"]) == (303, f"/tickets/{number}")
    assert await assignee(zoe, number) == "Admin 102"


async def test_page_by_page_everybody_comes(zoe: httpx2.AsyncClient) -> None:
    number = await opened(zoe, "For anybody")
    where, seen = f"/tickets/{number}/assign", list[str]()
    while where:
        page = (await zoe.get(where)).text
        seen += offered(page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        where = unescape(following[1]) if following else ""
    assert len(seen) == len(set(seen)) == MANY + 1


async def test_many_tickets_are_given_to_who_is_not_offered_in_the_list(zoe: httpx2.AsyncClient) -> None:
    numbers = [await opened(zoe, f"Lamp {n}") for n in range(2)]
    rows = [f"{number}:1:open:" for number in numbers]
    asked = await zoe.post(
        "/tickets/bulk", data={"what": "assignee", "assignee_id": "another", "next": "/tickets?sort=", "ticket_id": rows}
    )
    assert asked.status_code == 303
    page = (await zoe.get(asked.headers["location"])).text
    assert "Assign 2 tickets to" in page
    assert all(f'<a href="/tickets/{number}">#{number}</a>' in page for number in numbers)
    page = (await zoe.get(f"{asked.headers['location']}&q=Admin+101")).text
    (last,) = offered(page)
    sent = fields(page)
    assert sent == [("next", "/tickets?sort="), *(("ticket_id", row) for row in rows), ("what", "assignee")]
    done = await zoe.post("/tickets/bulk", data={"next": "/tickets", "ticket_id": rows, "what": "assignee", "assignee_id": last})
    assert done.headers["location"].startswith("/tickets/bulk?what=assignee&t=")
    for number in numbers:
        assert await assignee(zoe, number) == "Admin 101"


async def test_where_no_ticket_was_chosen_there_is_nobody_to_ask_about(zoe: httpx2.AsyncClient) -> None:
    asked = await zoe.post("/tickets/bulk", data={"what": "assignee", "assignee_id": "another", "next": "/tickets?q=x"})
    back = await zoe.get(asked.headers["location"])
    assert (back.status_code, back.headers["location"]) == (303, "/tickets?q=x")


async def test_a_name_in_the_filter_that_one_admin_has_filters_by_them(zoe: httpx2.AsyncClient) -> None:
    answer = await zoe.get("/tickets?status=open&to=admin+102")
    assert re.fullmatch(r"/tickets\?status=open&assigned_to=[0-9a-f-]{36}", answer.headers["location"])
    which = (await zoe.get("/tickets?to=admin")).text
    assert "Which one is meant by “admin”?" in which
    assert "Nobody is called “nobody at all”." in (await zoe.get("/tickets?to=nobody+at+all")).text


async def test_whom_a_ticket_is_given_to_is_the_admins_to_choose(desk: House, zoe: httpx2.AsyncClient) -> None:
    number = await opened(zoe, "Not for customers")
    async with pages(desk.settings) as ben:
        person = {"name": "Ben", "email": "ben@example.org", "password": "a-lamp-in-the-hall"}
        await ben.post("/register", data=person)
        own = await opened(ben, "Ben's own")
        for path in (f"/tickets/{number}/assign", f"/tickets/{own}/assign", "/tickets/assign?ticket_id=1:1:open:"):
            assert (await ben.get(path)).status_code == 403
