"""The session's cookie on its way through the pages: it is auth's word for word, and under https nothing else is believed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from tests.support.house import SAME_ORIGIN, house
from web.app import create_app

ANNA = {"name": "Anna", "email": "anna@example.org", "password": "a-lamp-in-the-hall"}


@asynccontextmanager
async def pages(directory: Path, origin: str) -> AsyncIterator[tuple[httpx2.AsyncClient, httpx2.AsyncClient]]:
    """Yield a client of the pages, which keeps no cookies, and one of auth itself; Anna has an account."""
    async with house(directory, "auth", origin=origin) as desk, desk.client("auth") as auth:
        app = create_app(desk.settings)
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(transport=transport, base_url=origin, headers=SAME_ORIGIN) as client:
                assert (await auth.post("/api/auth/register", json=ANNA)).status_code == 201
                yield client, auth


def attributes(answer: httpx2.Response) -> tuple[str, set[str]]:
    """Return the name of the cookie that an answer sets, and what else it says of it."""
    (cookie,) = [cookie for cookie in answer.headers.get_list("set-cookie") if "sid=" in cookie]
    first, *others = cookie.split("; ")
    return first.partition("=")[0], set(others)


SIGN_IN = {name: ANNA[name] for name in ("email", "password")}


@pytest.mark.parametrize(("origin", "name"), [("http://localhost:8080", "sid"), ("https://desk.example.org", "__Host-sid")])
async def test_the_cookie_passes_with_all_that_auth_says_of_it(tmp_path: Path, origin: str, name: str) -> None:
    async with pages(tmp_path, origin) as (client, auth):
        own = attributes(await auth.post("/api/auth/login", json=SIGN_IN))
        answer = await client.post("/login", data=SIGN_IN)
        assert answer.status_code == 303
        assert attributes(answer) == own
        assert own[0] == name
        assert ("Secure" in own[1]) is origin.startswith("https")
        client.cookies.clear()
        secret = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]

        assert (await client.get("/account", headers={"Cookie": f"{name}={secret}"})).status_code == 200
        other = "sid" if name != "sid" else "__Host-sid"
        refused = await client.get("/account", headers={"Cookie": f"{other}={secret}"})
        assert (refused.status_code, refused.headers["location"]) == (303, "/login?next=/account")

        gone = await client.post("/logout", headers={"Cookie": f"{name}={secret}"})
        assert attributes(gone)[0] == name
        assert {part for part in attributes(gone)[1] if part.startswith("Max-Age")} == {"Max-Age=0"}
        assert (await client.get("/account", headers={"Cookie": f"{name}={secret}"})).headers["location"] == "/login?next=/account"


async def test_what_the_pages_remember_is_for_https_alone_where_the_desk_is(tmp_path: Path) -> None:
    async with pages(tmp_path, "https://desk.example.org") as (client, _):
        answer = await client.post("/login", data=SIGN_IN)
        cookie = answer.headers["set-cookie"].partition(";")[0]
        wanted = {"theme": "dark", "zone": "Europe/Berlin"}
        changed = await client.post("/account/appearance", data=wanted, headers={"Cookie": cookie})
        said = changed.headers.get_list("set-cookie")
        assert {cookie.partition("=")[0] for cookie in said} == {"notice", "theme", "zone"}
        assert all("Secure" in cookie for cookie in said)


GARBAGE = [
    "sid=ü",
    'sid="a\\012b: c"',
    "sid=" + "x" * 5000,
    "sid=a,b",
    "sid=; zone=%2e; theme=<b>; notice=W1tb",
    "sid",
    "zone=\xff; theme; =; ;;",
]


async def test_a_cookie_that_cannot_be_ours_is_nobodys(tmp_path: Path) -> None:
    async with pages(tmp_path, "http://localhost:8080") as (client, _):
        for cookie in GARBAGE:
            answer = await client.get("/account", headers=[(b"cookie", cookie.encode())])
            assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/account"), cookie
            assert (await client.get("/login", headers=[(b"cookie", cookie.encode())])).status_code == 200, cookie


async def test_a_browser_may_call_itself_what_it_likes(tmp_path: Path) -> None:
    async with pages(tmp_path, "http://localhost:8080") as (client, _):
        answer = await client.post("/login", data=SIGN_IN, headers=[(b"user-agent", "Füchslein/1.0 \U0001f98a".encode())])
        assert answer.status_code == 303
        shown = await client.get("/account/security", headers={"Cookie": answer.headers["set-cookie"].partition(";")[0]})
        assert "chslein/1.0" in shown.text
