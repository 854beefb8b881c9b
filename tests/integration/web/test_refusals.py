"""A page that says no says what is wrong, and leads on to one that is there."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.integration.web.desks import make_admin, pages, sign_in
from tests.support.house import House, house


@pytest.fixture(scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with house(tmp_path_factory.mktemp("refusals"), "auth", "tickets") as running:
        await make_admin(running, "Ada", "ada@example.org")
        yield running


@pytest.fixture
async def ada(desk: House) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the pages in which Ada, an admin with a ticket, is signed in."""
    async with pages(desk.settings) as client:
        await sign_in(client, "ada@example.org")
        await client.post("/tickets/new", data={"title": "A lamp is dark", "body": "In the hall.", "priority": "normal"})
        yield client


@pytest.mark.parametrize(
    ("address", "said", "way"),
    [
        ("/tickets?status=open&cursor=cut-off&page=3", "It names a page of a list that is not there", "/tickets?status=open"),
        ("/tickets?status=shut&priority=low", "“shut” is no status", "/tickets?priority=low"),
        ("/tickets?q=%00&status=open", "must not contain a NUL character", "/tickets"),
        ("/tickets/1?version=first", "“first” is no version", "/tickets/1"),
        ("/tickets/1?at=999999", "there is no event 999999 yet", "/tickets/1"),
        ("/tickets/1?history=x", "It names a page of a list", "/tickets/1"),
        ("/tickets/1?notes=x", "It names a page of a list", "/tickets/1"),
        ("/tickets/1/assign?q=a&cursor=x", "It names a page of a list", "/tickets/1/assign?q=a"),
        ("/admin/people?cursor=x&role=admin", "It names a page of a list", "/admin/people?role=admin"),
        ("/admin/parked?service=auth&cursor=x", "It names a page of a list", "/admin/parked?service=auth"),
        ("/audit?cursor=x&entity=ticket", "It names a page of a list", "/audit?entity=ticket"),
        ("/audit?actor=a%2Fb", "“a/b” is no id of somebody", "/audit"),
    ],
)
async def test_an_address_that_cannot_be_shown_says_why_and_leads_to_what_is_right_of_it(
    ada: httpx2.AsyncClient, address: str, said: str, way: str
) -> None:
    answer = await ada.get(address)
    assert answer.status_code == 422
    assert "<h1>This address cannot be shown</h1>" in answer.text
    assert said in answer.text
    assert f'class="button primary" href="{way.replace("&", "&amp;")}"' in answer.text
    assert (await ada.get(way)).status_code == 200


@pytest.mark.parametrize(
    ("address", "said", "way"),
    [
        ("/tickets/999999", "There is no ticket 999999 that you can see.", "/tickets"),
        ("/tickets/1?version=99", "Ticket 1 has no version 99", "/tickets/1"),
        ("/admin/people/nobody-7f3a", "There is no such user.", "/admin/people"),
        ("/admin/people/nobody-7f3a/role", "There is no such user.", "/admin/people"),
    ],
)
async def test_what_is_not_there_leads_to_the_list_of_what_is(ada: httpx2.AsyncClient, address: str, said: str, way: str) -> None:
    answer = await ada.get(address)
    assert answer.status_code == 404
    assert said in answer.text
    assert f'class="button primary" href="{way}"' in answer.text


async def test_who_may_not_see_a_page_is_led_to_one_that_they_may(desk: House) -> None:
    async with pages(desk.settings) as ben:
        await ben.post("/register", data={"name": "Ben", "email": "ben@example.org", "password": "a-lamp-in-the-hall"})
        for address in ("/admin/people", "/audit", "/tickets?assigned_to=me"):
            answer = await ben.get(address)
            assert (answer.status_code, 'class="button primary" href="/tickets"' in answer.text) == (403, True), address


async def test_a_service_that_is_down_is_asked_again_from_the_page_that_says_so(ada: httpx2.AsyncClient) -> None:
    answer = await ada.get("/notifications?unread=true")  # in this house there is no notifier
    assert answer.status_code == 503
    assert 'class="button primary" href="/notifications?unread=true">Try again</a>' in answer.text


async def test_a_form_for_no_address_is_answered_by_a_page(ada: httpx2.AsyncClient) -> None:
    answer = await ada.post("/nothing/here", data={"a": "b"})
    assert (answer.status_code, "<h1>" in answer.text) == (404, True)


async def test_no_page_leads_to_another_host(ada: httpx2.AsyncClient) -> None:
    answer = await ada.get("http://localhost:8080//elsewhere.example/x?version=1")
    assert answer.status_code == 404
    assert 'class="button primary" href="/tickets"' in answer.text
    assert 'href="//' not in answer.text
