"""Who changes what somebody may is told first what that changes, and nothing is changed by looking."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.integration.web.desks import make_admin, pages, sign_in
from tests.support.house import house


@pytest.fixture
async def ada(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the pages in which Ada, the only admin, is signed in; Ben is a customer."""
    async with house(tmp_path, "auth") as desk, pages(desk.settings) as client:
        await make_admin(desk, "Ada", "ada@example.org")
        await client.post("/register", data={"name": "Ben", "email": "ben@example.org", "password": "a-lamp-in-the-hall"})
        client.cookies.clear()
        await sign_in(client, "ada@example.org")
        yield client


async def page_of(client: httpx2.AsyncClient, name: str) -> str:
    """Return the address of the page of somebody."""
    html = (await client.get("/admin/people", params={"q": name})).text
    return "/admin/people/" + html.partition('class="title" href="/admin/people/')[2].partition('"')[0]


async def test_a_role_is_changed_only_after_it_was_said_what_that_changes(ada: httpx2.AsyncClient) -> None:
    ben = await page_of(ada, "Ben")
    assert f'action="{ben}/role"' not in (await ada.get(ben)).text
    asked = (await ada.get(f"{ben}/role")).text
    assert "Make Ben an admin?" in asked
    assert "Make them an admin…" in (await ada.get(ben)).text  # still a customer

    done = await ada.post(f"{ben}/role", data={"role": "admin"})
    assert (done.status_code, done.headers["location"]) == (303, ben)
    assert "Make Ben a customer?" in (await ada.get(f"{ben}/role")).text


async def test_who_stops_being_an_admin_is_told_that_the_way_back_is_not_theirs(ada: httpx2.AsyncClient) -> None:
    me = await page_of(ada, "Ada")
    asked = (await ada.get(f"{me}/role")).text
    assert "Stop being an admin?" in asked
    assert "another admin has to make you one again" in asked
    refused = await ada.post(f"{me}/role", data={"role": "user"})
    assert refused.status_code == 409
    assert '<div class="notice failed" role="alert">' in refused.text


async def test_what_ends_somebodys_sessions_is_asked_first_and_letting_them_in_is_not(ada: httpx2.AsyncClient) -> None:
    ben = await page_of(ada, "Ben")
    shown = (await ada.get(ben)).text
    for what, title in (("activity", "Deactivate Ben?"), ("two-factor", "Turn off two-factor sign-in of Ben?")):
        assert f'action="{ben}/{what}"' not in shown
        assert title in (await ada.get(f"{ben}/{what}")).text
    await ada.post(f"{ben}/activity", data={"active": "false"})
    assert f'action="{ben}/activity"' in (await ada.get(ben)).text
    assert (await ada.get(f"{ben}/activity")).headers["location"] == ben


async def test_whose_role_it_would_be_must_be_somebody(ada: httpx2.AsyncClient) -> None:
    assert (await ada.get("/admin/people/nobody-7f3a/role")).status_code == 404
