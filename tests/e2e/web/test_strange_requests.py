"""Whatever is sent to an address of the pages, the answer is a page or a way to one, and no error of ours."""

import re

import httpx2
import pytest

from chassis.settings import Settings
from tests.e2e.web.people import PASSWORD, new_person
from tests.support.desk import Desk
from web.app import create_app
from web.front import PageRoute

ROUTES = [route for route in create_app(Settings(_env_file=None)).router.routes if isinstance(route, PageRoute)]
VALUES = {"ticket": "1", "mark": "read", "what": "status", "service": "notifier", "source": "tickets", "sequence": "1"}
"""Of the names in addresses; what is not here is named by an id."""
FORM = "application/x-www-form-urlencoded"


def addresses(method: str) -> list[str]:
    """Return an address of every page that answers to a method, with something that is nowhere in it, signing out last."""
    paths = (route.path for route in ROUTES if method in (route.methods or ()))
    found = {re.sub(r"{(\w+)[^}]*}", lambda name: VALUES.get(name[1], "nobody-7f3a"), path) for path in paths}
    return sorted(found, key=lambda path: (path == "/logout", path))  # afterwards they are nobody


@pytest.fixture
def person(desk: Desk) -> httpx2.Client:
    """Return a client of somebody who has nothing to lose."""
    return new_person(desk, "Stranger").client


def is_a_page(answer: httpx2.Response) -> bool:
    """Whether a person could go on from this answer."""
    if answer.status_code in (302, 303):
        return answer.headers["location"].startswith("/") and not answer.headers["location"].startswith("//")
    return answer.headers["content-type"].startswith("text/html") and "<h1" in answer.text


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {}]
)
def test_no_other_site_sends_a_form_for_somebody(desk: Desk, person: httpx2.Client, headers: dict[str, str]) -> None:
    cookies = {"sid": person.cookies.get("sid") or "none"}
    with httpx2.Client(base_url=desk.url, cookies=cookies, trust_env=False, timeout=60) as elsewhere:
        for path in addresses("POST"):
            answer = elsewhere.post(path, data={"title": "x", "email": "x", "password": "x"}, headers=headers)
            assert (answer.status_code, is_a_page(answer)) == (403, True), path


BODIES: dict[str, tuple[str, bytes]] = {
    "nothing": (FORM, b""),
    "no type": ("", b"a=b"),
    "json": ("application/json", b'{"title": "x"}'),
    "multipart": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'),
    "nul": (FORM, b"title=%00&body=a%00b&email=%00&password=%00&code=%00&name=%00&current_password=%00&new_password=%00&next=%00"),
    "half a pair": (FORM, b"title=%ED%A0%80&email=%ED%A0%80&next=%ED%A0%80"),
    "not utf-8": (FORM, b"title=\xff\xfe&body=%ff"),
    "utf-16": (f"{FORM}; charset=utf-16", "title=x".encode("utf-16")),
    "twice": (FORM, b"title=a&title=b&version=1&version=2&_key=1&_key=2&email=a&email=b&scopes=read&scopes=read&ids=1&ids=1"),
    "many": (FORM, b"&".join(b"f%d=x" % n for n in range(2000))),
    "long": (FORM, b"title=" + b"x" * 500_000 + b"&password=" + b"x" * 400_000),
    "numbers": (
        FORM,
        b"version=99999999999999999999999&limit=-1&expires_in_days=1e9&ticket=%C2%B2&assignee_id=../..&ids=99999999999999999999",
    ),
    "folded": (
        FORM,
        b"_then=//evil.example&_then.title=x&_then=%00&email=usera%40example.com&password=x&challenge=x&uri=otpauth://totp/%00",
    ),
    "key": (FORM, b"_key=" + b"k" * 300 + b"&title=x&body=x&_key=%0d%0aX-Evil:1"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_no_form_is_too_strange(person: httpx2.Client, kind: str) -> None:
    media, body = BODIES[kind]
    for path in addresses("POST"):
        answer = person.post(path, content=body, headers={"Content-Type": media} if media else {})
        assert answer.status_code < 500, f"{path}: {answer.text}"
        assert is_a_page(answer), path
        assert "X-Evil" not in answer.headers


QUERIES = [
    "cursor=%00",
    "cursor=x&q=%ED%A0%80&unread=maybe",
    "q=%ff%fe",
    "ticket=%C2%B2&next=%0d%0a",
    "&".join(f"a{n}=1" for n in range(500)),
    "as_of=never",
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_no_query_is_too_strange(desk: Desk, query: str) -> None:
    for client in (desk.client("usera"), desk.client("admina")):
        for path in addresses("GET"):
            if not path.startswith(("/static", "/favicon")):
                answer = client.get(f"{path}?{query}")
                assert answer.status_code < 500, f"{path}: {answer.text}"
                assert is_a_page(answer) or answer.status_code == 200, path


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_method_that_a_page_does_not_know_is_refused_with_those_that_it_does(desk: Desk, method: str) -> None:
    client = desk.client("usera")
    for path in addresses("GET"):
        answer = client.request(method, path)
        assert (answer.status_code, is_a_page(answer)) == (405, True), path
        assert "GET" in answer.headers["allow"]


def test_what_can_be_looked_at_can_be_asked_for_its_head(desk: Desk) -> None:
    client = desk.client("usera")
    for path in ("/login", "/tickets", "/account", "/nothing-here"):
        head, whole = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers.get("content-type") == whole.headers.get("content-type")


def test_nobody_is_sent_to_another_site_after_signing_in(desk: Desk) -> None:
    person = new_person(desk, "Wanderer")
    for where in (
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/%0d%0aLocation:x",
        "javascript:alert(1)",
    ):
        answer = desk.client().post("/login", data={"email": person.email, "password": PASSWORD, "next": where})
        assert answer.status_code == 303
        assert answer.headers["location"] in ("/tickets", "/%0d%0aLocation:x")
        signed_in = person.client.get("/login", params={"next": where})
        assert signed_in.headers["location"] in ("/tickets", "/%0d%0aLocation:x")
