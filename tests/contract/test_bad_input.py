"""Bad input never makes a 5xx: each gets a clear refusal, or is taken for the plain words that it is."""

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx2
import pytest

from tests.contract.refusals import MARK, ask, cookie_of, refused, send
from tests.support.desk import Desk

JSON = {"Content-Type": "application/json"}
_numbers = count(1)


@pytest.fixture(scope="session")
def ticket(user: httpx2.Client) -> str:
    """Return the path of a ticket of the user's."""
    return str(user.post("/api/tickets", json={"title": "The printer", "body": "It burns."}).headers["Location"])


# -- bodies -----------------------------------------------------------------------------------------------------------------------------

BODIES = {
    "nothing": b"",
    "half": b'{"title": "x',
    "null": b"null",
    "a list": b"[]",
    "a text": b'"title"',
    "a number": b"1",
    "two": b'{"title": "x", "body": "y"}{}',
    "NaN": b'{"title": NaN, "body": "y"}',
    "Infinity": b'{"title": "x", "body": Infinity}',
    "-Infinity": b'{"title": "x", "body": -Infinity}',
    "1e400": b'{"title": 1e400, "body": "y"}',
    "2^63": b'{"title": 9223372036854775808, "body": "y"}',
    "2^64": b'{"title": 18446744073709551616, "body": "y"}',
    "a number of 5,000 digits": b'{"title": %s, "body": "y"}' % (b"9" * 5000),
    "a number instead of a text": b'{"title": 1, "body": "y"}',
    "an object instead of a text": b'{"title": {"$ne": null}, "body": "y"}',
    "a lone surrogate": b'{"title": "\\ud800", "body": "y"}',
    "a low surrogate first": b'{"title": "\\udc00\\ud800", "body": "y"}',
    "a lone surrogate in a name": b'{"title": "x", "body": "y", "\\udfff": 1}',
    "a lone surrogate in bytes": b'{"title": "\xed\xa0\x80", "body": "y"}',
    "NUL": b'{"title": "x\\u0000", "body": "y"}',
    "NUL in bytes": b'{"title": "x\x00", "body": "y"}',
    "NUL in a name": b'{"title": "x", "body": "y", "\\u0000": 1}',
    "a control character in bytes": b'{"title": "x\n", "body": "y"}',
    "not UTF-8": b'{"title": "\xff\xfe", "body": "y"}',
    "overlong UTF-8": b'{"title": "\xc0\xaf", "body": "y"}',
    "UTF-16": '{"title": "x", "body": "y"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"title": "x", "body": "y"}',
    "the same name twice": b'{"title": "x", "title": "z", "body": "y"}',
    "the same name twice, once escaped": b'{"title": "x", "t\\u0069tle": "z", "body": "y"}',
    "an unknown field": b'{"title": "x", "body": "y", "%s": "%s"}' % (MARK.encode(), MARK.encode()),
    "a field of another's": b'{"title": "x", "body": "y", "requester": "0193"}',
    "__proto__": b'{"title": "x", "body": "y", "__proto__": {"role": "admin"}}',
    "white space alone": '{"title": " \\t\u2003\u00a0", "body": "y"}'.encode(),
    "a title of 201": json.dumps({"title": "\U0001f600" * 201, "body": "y"}).encode(),
    "a body of 20,001": json.dumps({"title": "x", "body": "y" * 20_001}).encode(),
    "an unknown priority": b'{"title": "x", "body": "y", "priority": "%s"}' % MARK.encode(),
    "lists in lists": b"[" * 100_000,
    "lists in lists, closed": b"[" * 100_000 + b"]" * 100_000,
    "objects in objects": b'{"title":' * 50_000 + b"1" + b"}" * 50_000,
    "an unclosed text of a megabyte": b'{"title": "' + b"x" * 900_000,
    "a comment": b'{"title": "x", /* y */ "body": "y"}',
    "a comma too many": b'{"title": "x", "body": "y",}',
    "single quotes": b"{'title': 'x', 'body': 'y'}",
    "hexadecimal": b'{"title": 0x10, "body": "y"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_wherever_it_is_sent(name: str, user: httpx2.Client, nobody: httpx2.Client, ticket: str) -> None:
    for client, method, path in ((user, "POST", "/api/tickets"), (user, "PATCH", ticket), (nobody, "POST", "/api/auth/register")):
        refused(client.request(method, path, content=BODIES[name], headers=JSON), 422, "invalid")


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_by_the_other_services_too(name: str, admin: httpx2.Client) -> None:
    for path in ("/api/escalations/policies", "/api/notifications/preferences"):
        refused(admin.put(path, content=BODIES[name], headers=JSON), 422, "invalid")


FIELDS: dict[str, tuple[str, dict[str, Any]]] = {
    "password too short": ("/api/auth/register", {"name": "N", "email": "n@example.org", "password": MARK[:7]}),
    "password too common": ("/api/auth/register", {"name": "N", "email": "n@example.org", "password": "password123"}),
    "password of another type": ("/api/auth/register", {"name": "N", "email": "n@example.org", "password": [MARK]}),
    "password too long": ("/api/auth/register", {"name": "N", "email": "n@example.org", "password": MARK * 50}),
    "password missing": ("/api/auth/register", {"name": MARK, "email": f"{MARK}@example.org"}),
    "e-mail without a domain": ("/api/auth/register", {"name": "N", "email": MARK, "password": f"{MARK}-long-enough"}),
    "e-mail with a line": ("/api/auth/register", {"name": "N", "email": f"{MARK}@x.org\nBcc: a@b.c", "password": f"{MARK}-long-enough"}),
    "name of two lines": ("/api/auth/register", {"name": f"{MARK}\nx", "email": "n@example.org", "password": f"{MARK}-long-enough"}),
    "role": ("/api/auth/register", {"name": "N", "email": "n@example.org", "password": f"{MARK}-long-enough", "role": "admin"}),
    "login with a list": ("/api/auth/login", {"email": "n@example.org", "password": {"$gt": MARK}}),
    "login without a password": ("/api/auth/login", {"email": MARK}),
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_refusal_names_the_field_and_says_nothing_back(name: str, nobody: httpx2.Client) -> None:
    path, body = FIELDS[name]
    problem = refused(nobody.post(path, json=body), 422, "invalid")
    assert problem["errors"][0]["loc"][0] == "body"
    assert problem["errors"][0]["msg"]


def test_a_parameter_that_is_spelled_wrongly_is_told_the_rule_in_words(documents: dict[str, Any], admin: httpx2.Client) -> None:
    """Whoever mistyped an id should not have to read a regular expression to find that out."""
    asked = [
        (path, parameter["name"])
        for document in documents.values()
        for path, item in document["paths"].items()
        for parameter in item.get("get", {}).get("parameters", ())
        if parameter["in"] == "query" and '"pattern"' in json.dumps(parameter["schema"])
    ]
    assert len(asked) > 20, asked
    for path, name in asked:
        problem = refused(admin.get(re.sub(r"\{\w+\}", "1", path), params={name: f"{MARK} ?"}), 422, "invalid")
        words = [error["msg"] for error in problem["errors"] if error["loc"] == ["query", name]]
        assert len(words) == 1, (path, name, problem)
        assert words[0].startswith("must be "), (path, name, words)


@pytest.mark.parametrize(
    "media",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/json",
        "*/*",
        "json",
        "",
    ],
)
def test_what_does_not_say_that_it_is_json_is_no_json(media: str, user: httpx2.Client, ticket: str) -> None:
    for method, path in (("POST", "/api/tickets"), ("PATCH", ticket), ("PUT", "/api/notifications/preferences")):
        refused(user.request(method, path, content=b'{"title": "x"}', headers={"Content-Type": media}), 415, "unsupported-media-type")


def _chunks(size: int) -> Iterator[bytes]:
    yield b'{"title": "x", "body": "'
    for _ in range(size // 50_000):
        yield b"y" * 50_000


@pytest.mark.parametrize("service", ["gateway", "itself"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_more_than_a_megabyte_is_too_large(service: str, chunked: bool, desk: Desk, user: httpx2.Client) -> None:
    url = desk.url if service == "gateway" else f"http://127.0.0.1:{desk.port_of('tickets')}"
    content = _chunks(1_100_000) if chunked else b"".join(_chunks(1_100_000))
    headers = JSON | {"Cookie": f"sid={cookie_of(user)}", "Sec-Fetch-Site": "same-origin"}
    refused(httpx2.post(f"{url}/api/tickets", content=content, headers=headers, trust_env=False), 413, "too-large")


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "99999999999999999999999", "1, 2", "+5", " "])
def test_a_length_that_is_none_ends_at_the_door(length: str, desk: Desk) -> None:
    head = f"POST /api/tickets HTTP/1.1\r\nHost: desk\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    status = _status(send(desk.port, head.encode() + b'{"a":1}'))
    assert status in (400, 401, 413), status


def test_two_lengths_smuggle_nothing(desk: Desk) -> None:
    """The gateway itself must see the second request: a service that saw it alone would answer whatever is asked."""
    head = b"POST /api/tickets HTTP/1.1\r\nHost: desk\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    answers = send(desk.port, head + b"0\r\n\r\nGET /livez HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n")
    assert [int(part.split(b" ", 1)[0]) for part in answers.split(b"HTTP/1.1 ")[1:]] in ([400], [401, 404])


# -- numbers and paths --------------------------------------------------------------------------------------------------------------------

IDS = [
    "0", "-1", "9223372036854775807", "9223372036854775808", "18446744073709551616", "9" * 30, "9" * 199, "9" * 5000, "1.5", "1e3", "0x10",
    "%201", "1%20", "+1", "1_000", "%D9%A1", "%EF%BC%91", "NaN", "null", "true", "%00", "1%00", "%FF", "%ED%A0%80", "%F0%28%8C%28", "%25",
    "*", "'", "%22", "1;2", "1%3B2", "%0D%0ASet-Cookie:%20x=1", "${jndi:x}", "{ticket}", "1'--", "%2e", "%2f", "..%2f1", "%5c",
]  # fmt: skip


@pytest.mark.parametrize("text", IDS)
def test_what_names_no_ticket_is_not_found(text: str, desk: Desk, admin: httpx2.Client) -> None:
    for path in (f"/api/tickets/{text}", f"/api/tickets/{text}/history"):
        refused(ask(desk, "GET", path, {"Cookie": f"sid={cookie_of(admin)}"}), 404, "not-found")


@pytest.mark.parametrize("text", [text for text in IDS if text != "%2e"])
def test_what_names_nothing_else_is_not_found_either(text: str, desk: Desk, admin: httpx2.Client) -> None:
    cookie = {"Cookie": f"sid={cookie_of(admin)}"}
    for method, path in (
        ("GET", f"/api/jobs/{text}"), ("POST", f"/api/jobs/{text}/retry"), ("PUT", f"/api/notifications/{text}/read"),
        ("DELETE", f"/api/auth/sessions/{text}"), ("DELETE", f"/api/auth/tokens/{text}"),
    ):  # fmt: skip
        refused(ask(desk, method, path, cookie), 404, "not-found")


TRICKS = [
    "/api/tickets/", "//api/tickets", "/api//tickets", "/API/tickets", "/api/Tickets", "/api/tickets;x=1", "/api/tickets%00",
    "/api/tickets%2F", "/api/tickets/1/", "/api/tickets/1//notes", "/api/tickets/../audit", "/api/tickets/%2e%2e/audit",
    "/api/tickets/..%2faudit",
    "/api/tickets/.%2e/audit", "/api/tickets/%252e%252e/audit", "/api/tickets/..;/audit", "/api/tickets\\..\\audit",
    "/api/tickets/%5c..%5caudit",
    "/api/./tickets/../tickets/../audit", "/api/auth/../jobs", "/api/notifications/../jobs", "/api/%61udit/../audit", "/%2e%2e/api/audit",
    "/api/tickets/../../internal/seen", "/api/auth/%2e%2e/%2e%2e/internal/users", "/api/audit%20", "/api/audit.json", "/api/audit/.",
    "/api/audit/%2e",
    "/api/tickets?", "/api/audit#x", "/api/audit/verify/", "http://127.0.0.1/api/audit", "http://tickets/internal/seen",
]  # fmt: skip


@pytest.mark.parametrize("path", TRICKS)
def test_no_spelling_of_a_path_leads_to_what_one_may_not(path: str, desk: Desk, user: httpx2.Client) -> None:
    answer = ask(desk, "GET", path, {"Cookie": f"sid={cookie_of(user)}"})
    if answer.status == 200:
        assert path == "/api/tickets?"
        return
    problem = answer.problem
    assert (answer.status, problem["type"]) in ((404, "/problems/not-found"), (403, "/problems/not-permitted")), (answer.status, problem)


@pytest.mark.parametrize("path", ["/api/%74ickets", "/api%2ftickets"])
def test_an_escaped_character_is_the_character(path: str, desk: Desk, user: httpx2.Client) -> None:
    assert ask(desk, "GET", path, {"Cookie": f"sid={cookie_of(user)}"}).status == 200


# -- queries ------------------------------------------------------------------------------------------------------------------------------

QUERIES = [
    *(f"limit={text}" for text in ("0", "101", "-1", "", "%20", "x", "1.5", "1e1", "0x10", "9223372036854775808", "9" * 400, "NaN",
    "true")),
    "limit=1&limit=2", f"{MARK}=1", f"limit=1&{MARK}={MARK}", "limit[]=1", "q=%00", "q=a%00b", "q=%FF", "q=%ED%A0%80", "q=%C0%AF", "%00=1",
    "&".join(f"p{number}=1" for number in range(60)), f"cursor={MARK}", "cursor=", "cursor=%00",
    "cursor=" + "A" * 1500, "cursor=%F0%9F%98%80",
]  # fmt: skip
OF_TICKETS = [
    f"status={MARK}", "status=OPEN", "status=", "status=open,resolved", f"priority={MARK}", "escalated=1", "escalated=yes", "escalated=",
    f"sort={MARK}", "sort=id;drop table tickets", "sort=", "requester=", "requester=a%20b", "assigned_to=" + "a" * 65, "q=" + "a" * 501,
]  # fmt: skip
OF_THE_AUDIT = [
    *(f"since={text}" for text in ("x", "", "0", "2026", "2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T25:00:00Z",
    "2026-11-23T09:00:00")),
    "since=99999-01-01T00:00:00Z", "since=-0001-01-01T00:00:00Z", "until=NaN", "until=2026-11-23T09:00:00%2B99:00", "since=1e99",
    "actor=a%20b", "action=Ticket", "action=a%20b", "entity=tickets/1", "entity_id=usera@example.com",
    "action=" + "a" * 65, "entity_id=" + "9" * 400, "q=" + "a" * 501, "since=2026-11-23T09:00:00Z&since=2026-11-23T09:00:00Z",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_that_cannot_be_meant_is_refused(query: str, admin: httpx2.Client) -> None:
    for path in ("/api/tickets", "/api/audit", "/api/auth/users", "/api/jobs", "/api/notifications", "/api/escalations/deadlines"):
        problem = refused(admin.get(f"{path}?{query}"), 422, "invalid")
        assert problem["errors"][0]["loc"][0] == "query"


@pytest.mark.parametrize("query", OF_TICKETS)
def test_a_filter_of_tickets_that_cannot_be_meant_is_refused(query: str, admin: httpx2.Client) -> None:
    refused(admin.get(f"/api/tickets?{query}"), 422, "invalid")


@pytest.mark.parametrize("query", OF_THE_AUDIT)
def test_a_filter_of_the_audit_that_cannot_be_meant_is_refused(query: str, admin: httpx2.Client) -> None:
    refused(admin.get(f"/api/audit?{query}"), 422, "invalid")


@pytest.mark.parametrize("query", [b"q=\xff", b"\xff=1", b"q=\xc3\xa9"])
@pytest.mark.parametrize("path", [b"/api/auth/users", b"/api/tickets", b"/health/auth"])
def test_bytes_that_stand_in_no_url_are_refused_as_a_problem(path: bytes, query: bytes, desk: Desk) -> None:
    answer = send(desk.port, b"GET " + path + b"?" + query + b" HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert (_status(answer), b"application/problem+json" in head) == (400, True), answer
    assert json.loads(body)["type"] == "/problems/bad-request"


# -- search -------------------------------------------------------------------------------------------------------------------------------

PLAIN = [
    "a-b",
    "o'clock",
    "AND",
    "OR",
    "NOT",
    "NEAR",
    "NEAR(",
    "col:",
    "title:",
    '"quoted"',
    "{curly}",
    "x*",
    "^caret",
    "50%",
    "naïve",
    "C++",
    "ß",
]
"""Words of a text. Each finds it."""
SIGNS = [
    '"',
    "'",
    "^",
    "*",
    "(",
    ")",
    "(" * 300,
    ")" * 300,
    '"' * 101,
    "-",
    "--",
    ":",
    "%",
    "_",
    "\\",
    "{",
    "+",
    "''",
    '""',
    "NEAR()",
    "😀",
    "\t",
]
WORDS = [
    "a AND",
    "AND OR NOT",
    "NEAR(a b, 99999999999999999999)",
    'title:"',
    "a" * 500,
    "a " * 250,
    "* a",
    "-a",
    "a^2",
    "col : x",
    "1' OR '1'='1",
    "%%",
]


@pytest.fixture(scope="module")
def plain_words(user: httpx2.Client) -> str:
    mark = f"plain{next(_numbers)}words"
    made = user.post("/api/tickets", json={"title": f"{mark} {' '.join(PLAIN)}", "body": "y"})
    assert made.status_code == 201
    return mark


@pytest.mark.parametrize("word", PLAIN)
def test_what_looks_like_an_operator_is_searched_as_a_word(word: str, plain_words: str, user: httpx2.Client) -> None:
    for query in (f"{plain_words} {word}", f"{word} {plain_words}"):
        found = user.get("/api/tickets", params={"q": query})
        assert [item["title"].partition(" ")[0] for item in found.json()["items"]] == [plain_words], query


def test_a_word_that_is_not_there_is_not_found(plain_words: str, user: httpx2.Client) -> None:
    assert user.get("/api/tickets", params={"q": f"{plain_words} elsewhere"}).json()["items"] == []


@pytest.mark.parametrize("text", SIGNS + WORDS)
def test_no_search_text_breaks_a_search(text: str, admin: httpx2.Client) -> None:
    for path in ("/api/tickets", "/api/audit"):
        answer = admin.get(path, params={"q": text})
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"items", "next_cursor"}
    answer = admin.get("/api/auth/users", params={"q": text[:200]})
    assert answer.status_code == 200, answer.text


# -- headers ------------------------------------------------------------------------------------------------------------------------------

KEYS = [b"", b"a b", b"\xc3\xa9", b"\xff", b"a\tb", b"k" * 256]


@pytest.mark.parametrize("key", KEYS)
def test_an_idempotency_key_that_is_none_is_refused(key: bytes, user: httpx2.Client, admin: httpx2.Client, ticket: str) -> None:
    paths = (
        (user, "/api/tickets", {"title": "x", "body": "y"}),
        (admin, f"{ticket}/notes", {"body": "y"}),
        (user, "/api/notifications/read-all", None),
    )
    for client, path, body in paths:
        content = json.dumps(body).encode() if body else b""
        raw = _post(client, path, content, [(b"Idempotency-Key", key)])
        refused(raw, 422, "invalid")


def test_two_idempotency_keys_are_refused(user: httpx2.Client) -> None:
    raw = _post(user, "/api/tickets", b'{"title": "x", "body": "y"}', [(b"Idempotency-Key", b"a"), (b"Idempotency-Key", b"b")])
    refused(raw, 422, "invalid")


@pytest.mark.parametrize("key", ["!", "~", "k" * 255, '"quoted"', "0193576f-2c00-7c0e-9d4f-6f2f0e6b4a11"])
def test_an_idempotency_key_of_visible_characters_is_taken(key: str, user: httpx2.Client) -> None:
    twice = [user.post("/api/tickets", json={"title": "x", "body": "y"}, headers={"Idempotency-Key": key}) for _ in range(2)]
    assert [answer.status_code for answer in twice] == [201, 201]
    assert twice[0].content == twice[1].content
    refused(user.post("/api/tickets", json={"title": MARK, "body": "y"}, headers={"Idempotency-Key": key}), 422, "key-reused")


CONDITIONS = [
    "7", 'W/"7"', '"7', '7"', '""', '"07"', '"-1"', '"+1"', '"1.0"', '"9999999999999999999"', '"x"', '"7", "8"', '"7","7"', "**", '"*"',
    "'7'",
    '"7-gzip"', '"\u0667"',
]  # fmt: skip


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_that_cannot_be_meant_is_refused(condition: str, user: httpx2.Client, admin: httpx2.Client, ticket: str) -> None:
    calls: tuple[tuple[httpx2.Client, str, str, dict[str, Any]], ...] = (
        (user, "PATCH", ticket, {"title": "x"}),
        (admin, "PUT", f"{ticket}/status", {"status": "open"}),
        (admin, "PUT", f"{ticket}/assignee", {"assignee_id": None}),
        (admin, "PUT", "/api/escalations/policies", {"policies": []}),
    )
    for client, method, path, body in calls:
        problem = refused(client.request(method, path, json=body, headers={b"If-Match": condition.encode()}), 422, "invalid")
        assert problem["errors"][0]["loc"] == ["header", "if-match"]


def test_two_conditions_are_refused(user: httpx2.Client, ticket: str) -> None:
    answer = user.request("PATCH", ticket, json={"title": "x"}, headers=[("If-Match", '"1"'), ("If-Match", '"2"')])
    refused(answer, 422, "invalid")


def test_a_stale_condition_tells_the_version_and_any_version_is_a_star(user: httpx2.Client, ticket: str) -> None:
    current = user.get(ticket).headers["ETag"]
    assert user.patch(ticket, json={"title": f"x{next(_numbers)}"}, headers={"If-Match": "*"}).status_code == 200
    problem = refused(user.patch(ticket, json={"title": "y"}, headers={"If-Match": current}), 412, "stale")
    assert f'"{problem["current_version"]}"' == user.get(ticket).headers["ETag"]


COOKIES = [
    b"sid", b"sid=", b"=sid", b"sid=;", b";;;", b"sid=%00", b"sid=\xff\xfe", b"sid=\xc3\xa9", b'sid="', b'sid="a', b"sid=a b", b"sid=a=b=c",
    b"sid=\\073",
    b"$Version=1; sid=x", b"sid=" + b"a" * 8000, b"; ".join(b"c%d=1" % number for number in range(900)), b"sid={}", b"SID=x",
    b"__Host-sid=x", b",",
    b"sid=ste_x", b"sid=..%2f",
]  # fmt: skip


@pytest.mark.parametrize("cookie", COOKIES)
def test_a_malformed_cookie_is_nobodys(cookie: bytes, nobody: httpx2.Client) -> None:
    for path in ("/api/auth/me", "/api/tickets", "/api/notifications", "/api/escalations/policies"):
        refused(nobody.get(path, headers={b"Cookie": cookie}), 401, "not-signed-in")


@pytest.mark.parametrize(
    "token", [b"Bearer " + b"a" * 8000, b"Bearer \xff", b"Bearer \xc3\xa9", b"Bearer a b", b"Basic OjpeOg==", b"Bearer\ta", b"Digest x=y"]
)
def test_a_malformed_authorization_is_nobodys(token: bytes, nobody: httpx2.Client) -> None:
    for path in ("/api/auth/me", "/api/tickets", "/api/notifications", "/api/escalations/policies"):
        answer = refused(nobody.get(path, headers={b"Authorization": token}), 401, "not-signed-in")
        assert answer["instance"] == path


@pytest.mark.parametrize("position", ["x", "-1", "1.5", "9223372036854775808", "9" * 100, "1 2", '"1"', "%00"])
def test_a_place_in_the_live_feed_that_is_none_is_refused(position: str, user: httpx2.Client) -> None:
    refused(user.get("/api/notifications/stream", headers={"Last-Event-ID": position}), 422, "invalid")


@pytest.mark.parametrize("name", ["X-Request-Id", "traceparent", "User-Agent", "Accept", "Accept-Language", "Referer", "X-Anything"])
@pytest.mark.parametrize("value", [b"\xff\xfe", b"a" * 8000, b"%00", b"${jndi:ldap://x}", b"\xf0\x9f\x98\x80"])
def test_other_headers_may_be_anything(name: str, value: bytes, user: httpx2.Client) -> None:
    answer = user.post("/api/tickets", json={"title": "x", "body": "y"}, headers={name.encode(): value})
    assert answer.status_code == 201, answer.text
    assert len(answer.headers["X-Request-Id"]) <= 64


def test_headers_that_are_too_many_end_at_the_door(desk: Desk) -> None:
    head = b"GET /api/auth/me HTTP/1.1\r\nHost: desk\r\n" + b"".join(b"X-%d: %s\r\n" % (number, b"a" * 100) for number in range(2000))
    assert _status(send(desk.port, head + b"\r\n")) == 431


def test_a_user_agent_of_any_bytes_is_kept_and_shown(desk: Desk) -> None:
    with httpx2.Client(base_url=desk.url, headers={"Sec-Fetch-Site": "same-origin"}, trust_env=False) as client:
        body = {"email": "userc@example.com", "password": "demo123"}
        headers = {b"User-Agent": b"Mozilla\xff\xfe " + b"a" * 4000}
        assert client.post("/api/auth/login", json=body, headers=headers).status_code == 200
        shown = next(item for item in client.get("/api/auth/sessions").json()["items"] if item["current"])
        assert shown["agent"].startswith("Mozilla")


# -- methods ------------------------------------------------------------------------------------------------------------------------------


def test_a_method_that_a_path_does_not_have_is_refused_and_told(desk: Desk, admin: httpx2.Client, documents: dict[str, Any]) -> None:
    for service, document in documents.items():
        for path, item in document["paths"].items():
            asked = path.replace("{ticket}", "1").replace("{", "").replace("}", "")
            known = {method.upper() for method in item} & {"GET", "PUT", "POST", "PATCH", "DELETE"}
            for method in {"GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE"} - known:
                raw = ask(desk, method, asked, {"Cookie": f"sid={cookie_of(admin)}"})
                assert raw.status == 405, (service, method, asked, raw.status)
                refused(raw, 405, "method-not-allowed")
                allowed = set(raw.headers["allow"].split(", "))
                assert known <= allowed, (method, asked, allowed)
                assert method not in allowed


@pytest.mark.parametrize("method", ["QUERY", "BREW", "get", "PROPFIND", "M" * 200])
def test_a_method_that_nobody_has_is_one_that_the_path_does_not_have(method: str, desk: Desk) -> None:
    for path in ("/api/tickets", "/health/auth", "/api/docs"):
        raw = ask(desk, method, path)
        assert refused(raw, 405, "method-not-allowed")["instance"] == path
        assert "GET" in raw.headers["allow"]


def test_a_head_is_refused_without_a_body(desk: Desk) -> None:
    answer = ask(desk, "HEAD", "/api/tickets")
    assert (answer.status, answer.body) == (405, b"")


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method", "_method"])
def test_a_method_is_what_it_is(header: str, admin: httpx2.Client) -> None:
    assert admin.get("/api/tickets", headers={header: "DELETE"}).status_code == 200


def _post(client: httpx2.Client, path: str, content: bytes, headers: list[tuple[bytes, bytes]]) -> httpx2.Response:
    return client.request("POST", path, content=content, headers=[(b"Content-Type", b"application/json"), *headers])


def _status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:100]
    return int(answer.split(b" ", 2)[1])
