import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, Path, Query, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from pydantic import BaseModel, ConfigDict, model_validator
from starlette.responses import Response

from chassis.answers import json_answer, no_content
from chassis.bodies import LARGEST_BODY
from chassis.declared import declares
from chassis.desk import Desk
from chassis.lean import LeanRoute
from chassis.paging import Page
from chassis.strings import Flag, Text
from events.errors import Conflict, NotPermitted, Unavailable
from tests.unit.chassis.conftest import Visit, desk

router = APIRouter(prefix="/api/demo", route_class=LeanRoute)


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Text(1, 200)]
    count: int = 0
    tags: list[str] = []


class Things(Page):
    open: Flag | None = None


class Choice(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    one: Flag | None = None
    other: Flag | None = None

    @model_validator(mode="after")
    def _something(self) -> "Choice":
        if self.one is None and self.other is None:
            raise ValueError("needs one or the other")
        return self


def shout(request: Request) -> str:
    return request.headers.get("x-shout", "").upper()


async def broken(request: Request) -> None:
    if "x-broken" in request.headers:
        raise RuntimeError("a secret that nobody may see")


@router.post("/things", status_code=201)
async def post_thing(body: Thing, shouted: Annotated[str, Depends(shout)], _: Annotated[None, Depends(broken)]) -> Thing:
    return body.model_copy(update={"tags": [*body.tags, shouted] if shouted else body.tags})


@router.get("/things")
async def get_things(query: Annotated[Things, Query()]) -> Response:
    return json_answer(query.model_dump())


@router.get("/choice")
async def get_choice(query: Annotated[Choice, Query()]) -> Response:
    return json_answer(query.model_dump())


@router.get("/things/counts")
async def get_counts() -> Response:
    return json_answer({})


@router.get("/things/{thing}")
async def get_thing(thing: Annotated[int, Path(ge=1)], request: Request) -> Response:
    return json_answer({"thing": thing, "body": (await request.body()).decode()})


@router.delete("/things/{thing}", status_code=204)
async def delete_thing(thing: str) -> Response:
    if thing == "busy":
        raise Unavailable("Later.", 7)
    if thing == "taken":
        raise Conflict("It is taken.", holder="somebody")
    return no_content()


@pytest.fixture
def app() -> Desk:
    return desk(router)


async def test_a_body_is_parsed_and_answered_with_the_declared_status(app: Desk, visiting: Visit) -> None:
    async with visiting(app) as client:
        answer = await client.post("/api/demo/things", json={"title": "  a  ", "count": 3}, headers={"x-shout": "hey"})
    assert answer.status_code == 201
    assert answer.json() == {"title": "a", "count": 3, "tags": ["HEY"]}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "loc", "msg"),
    [
        ({}, ["body", "title"], "Field required"),
        ({"title": "   "}, ["body", "title"], "String should have at least 1 character"),
        ({"title": "x" * 201}, ["body", "title"], "String should have at most 200 characters"),
        ({"title": "a", "count": "3"}, ["body", "count"], "Input should be a valid integer"),
        ({"title": "a", "count": True}, ["body", "count"], "Input should be a valid integer"),
        ({"title": "a", "role": "admin"}, ["body", "role"], "Extra inputs are not permitted"),
        ({"title": "a", "<script>": 1}, ["body"], "Extra inputs are not permitted"),
        ([], ["body"], "Input should be an object"),
    ],
)
async def test_a_422_names_the_field_and_the_rule(app: Desk, visiting: Visit, body: Any, loc: list[str], msg: str) -> None:
    async with visiting(app) as client:
        answer = await client.post("/api/demo/things", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"loc": loc, "msg": msg} in answer.json()["errors"]


async def test_a_422_never_says_back_what_was_sent(app: Desk, visiting: Visit) -> None:
    async with visiting(app) as client:
        answer = await client.post("/api/demo/things", json={"title": ["hunter2hunter2"], "hunter2 <hunter2>": 1})
    assert answer.status_code == 422
    assert "hunter2" not in answer.text


async def test_a_body_that_is_not_json_is_415(app: Desk, visiting: Visit) -> None:
    async with visiting(app) as client:
        answers = [
            await client.post("/api/demo/things", content=b'{"title":"a"}', headers=headers)
            for headers in ({}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"})
        ]
    assert [answer.status_code for answer in answers] == [415] * 3


async def test_a_body_beyond_the_bound_is_413_announced_or_not(app: Desk, visiting: Visit) -> None:
    async def stream() -> Any:
        for _ in range(LARGEST_BODY // 1000 + 1):
            yield b" " * 1000

    async with visiting(app) as client:
        headers = {"content-type": "application/json"}
        announced = await client.post("/api/demo/things", content=b" " * (LARGEST_BODY + 1), headers=headers)
        streamed = await client.post("/api/demo/things", content=stream(), headers=headers)
    assert (announced.status_code, streamed.status_code) == (413, 413)


async def test_where_nothing_can_be_asked_for_nothing_is_passed_over(app: Desk, visiting: Visit) -> None:
    async with visiting(app) as client:
        refused = await client.get("/api/demo/things/7?as_of=2020-01-01T00:00:00Z")
        assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["query", "as_of"])
        assert (await client.get("/api/demo/things/7?")).status_code == 200


async def test_a_query_is_parsed_from_text_and_refuses_what_it_does_not_know(app: Desk, visiting: Visit) -> None:
    async with visiting(app) as client:
        good = await client.get("/api/demo/things?limit=7&open=true")
        bad = [
            (await client.get(f"/api/demo/things?{query}")).status_code
            for query in (
                "limit=0",
                "limit=101",
                "limit=x",
                "limit=7&limit=7",
                "open=yes",
                "other=1",
                "cursor=%00",
                "limit=",
            )
        ]
    assert good.json() == {"limit": 7, "cursor": None, "open": True}
    assert bad == [422] * 8


async def test_a_query_without_parameters_is_what_the_model_says_or_refused_where_it_needs_some(app: Desk, visiting: Visit) -> None:
    async with visiting(app) as client:
        for address in ("/api/demo/things", "/api/demo/things?"):
            assert (await client.get(address)).json() == {"limit": 25, "cursor": None, "open": None}
            assert (await client.get(f"{address.rstrip('?')}?open=true")).json()["open"] is True
        refused = [await client.get(f"/api/demo/choice{query}") for query in ("", "?")]
        assert [(answer.status_code, answer.json()["errors"][0]["msg"]) for answer in refused] == [(422, "needs one or the other")] * 2
        assert (await client.get("/api/demo/choice?one=true")).json() == {"one": True, "other": None}


@pytest.mark.parametrize("thing", ["0", "-1", "abc", "9223372036854775808", "1" * 5000, "1.5", "%00", "%F0%9F%98%80"])
async def test_a_path_that_can_name_nothing_is_404(app: Desk, visiting: Visit, thing: str) -> None:
    async with visiting(app) as client:
        assert (await client.get(f"/api/demo/things/{thing}")).status_code == 404


async def test_errors_carry_their_facts_and_their_headers(app: Desk, visiting: Visit) -> None:
    async with visiting(app) as client:
        busy = await client.delete("/api/demo/things/busy")
        taken = await client.delete("/api/demo/things/taken")
        gone = await client.delete("/api/demo/things/other")
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "7")
    assert taken.json() == {
        "type": "/problems/conflict",
        "title": "Conflict",
        "status": 409,
        "detail": "It is taken.",
        "instance": "/api/demo/things/taken",
        "holder": "somebody",
    }
    assert (gone.status_code, gone.content) == (204, b"")


async def test_the_frameworks_own_refusals_are_problems_too(app: Desk, visiting: Visit) -> None:
    async with visiting(app) as client:
        nowhere = await client.get("/nowhere")
        put = await client.put("/api/demo/things")
        head = await client.head("/api/demo/things/1")
        odd = await client.request("BREW", "/api/demo/things")
        counts = await client.options("/api/demo/things/counts")
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/not-found")
    assert (put.status_code, put.headers["allow"], put.json()["type"]) == (405, "GET, POST", "/problems/method-not-allowed")
    assert (head.status_code, head.headers["allow"]) == (405, "DELETE, GET")
    assert odd.status_code == 405
    assert counts.headers["allow"] == "GET"  # not what another route would answer to, which the path also fits


async def test_what_breaks_is_500_and_tells_nothing(app: Desk, visiting: Visit, caplog: pytest.LogCaptureFixture) -> None:
    async with visiting(app) as client:
        answer = await client.post("/api/demo/things", json={"title": "a"}, headers={"x-broken": "1"})
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal"
    assert "secret" not in answer.text
    assert "a secret that nobody may see" in caplog.text


async def test_a_request_id_is_taken_when_it_looks_like_one_and_made_otherwise(app: Desk, visiting: Visit) -> None:
    async with visiting(app) as client:
        taken = await client.get("/nowhere", headers={"x-request-id": "abcdefgh-1"})
        short = await client.get("/nowhere", headers={"x-request-id": "abc"})
        sly = await client.get("/nowhere", headers={"x-request-id": "abcdefgh<script>"})
    assert taken.headers["x-request-id"] == "abcdefgh-1"
    assert len(short.headers["x-request-id"]) == 36
    assert "script" not in sly.headers["x-request-id"]


def test_the_document_is_valid_and_declares_every_refusal_that_the_input_can_have(app: Desk) -> None:
    document = app.openapi()
    validate(document)
    paths = document["paths"]
    assert list(paths["/api/demo/things"]["post"]["responses"]) == ["201", "413", "415", "422"]
    assert list(paths["/api/demo/things"]["get"]["responses"]) == ["200", "422"]
    assert list(paths["/api/demo/things/{thing}"]["get"]["responses"]) == ["200", "404", "422"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_a_guard_of_a_router_or_a_route_is_asked_first(visiting: Visit) -> None:
    @declares("not-permitted")
    def closed(request: Request) -> None:
        if "x-key" not in request.headers:
            raise NotPermitted("It is closed.")

    async def locked(request: Request) -> None:
        if request.headers["x-key"] != "right":
            raise NotPermitted("It is locked.")

    guarded = APIRouter(route_class=LeanRoute, dependencies=[Depends(closed)])

    @guarded.post("/vault", dependencies=[Depends(locked)])
    async def post_vault(body: Thing) -> Thing:
        return body

    app = desk(guarded)
    async with visiting(app) as client:
        details = [
            (await client.post("/vault", json=body, headers=headers)).json().get("detail")
            for body, headers in (([], {}), ([], {"x-key": "wrong"}), ({"title": "a"}, {"x-key": "right"}))
        ]
    assert details == ["It is closed.", "It is locked.", None]
    assert "403" in app.openapi()["paths"]["/vault"]["post"]["responses"]


def test_a_route_that_a_lean_route_cannot_serve_is_refused_when_it_is_made() -> None:
    other = APIRouter(route_class=LeanRoute)
    with pytest.raises(TypeError, match="async"):

        @other.get("/a")
        def a() -> None: ...

    with pytest.raises(TypeError, match="none of the parameters"):

        @other.get("/b")
        async def b(limit: int) -> None: ...

    async def after(_request: Request) -> AsyncIterator[int]:
        yield 1

    with pytest.raises(TypeError, match="must not yield"):

        @other.get("/d")
        async def d(given: Annotated[int, Depends(after)]) -> None: ...

    def two(request: Request, other: Request) -> None: ...

    with pytest.raises(TypeError, match="nothing else"):

        @other.get("/c")
        async def c(x: Annotated[None, Depends(two)]) -> None: ...


DAMAGED = [
    b'{"title":"a","title":"b"}',
    b'{"title":NaN}',
    b'{"title":"\\ud800"}',
    b'{"title":"\\u0000"}',
    b'{"title":"a","count":1e999}',
    b'{"title":"a","count":99999999999999999999}',
    b'{"title":"a","count":1.0}',
    b'{"title":"a","count":-0}',
    b"[" * 9999,
    b'{"title":{"a":' * 999,
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(raw=st.sampled_from(DAMAGED) | st.binary() | st.text().map(lambda text: json.dumps({"title": text}).encode()))
async def test_no_body_whatsoever_breaks_the_service(app: Desk, visiting: Visit, raw: bytes) -> None:
    async with visiting(app) as client:
        answer = await client.post("/api/demo/things", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code in (201, 422)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(raw=st.binary(max_size=300))
async def test_no_path_and_no_query_whatsoever_breaks_the_service(app: Desk, raw: bytes) -> None:
    for path, query in ((b"/api/demo/things", raw), (b"/api/demo/things/" + raw, b"")):
        status = await _status(app, path, query)
        assert status in (200, 404, 405, 422)


async def _status(app: Desk, path: bytes, query: bytes) -> int:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": path.decode("utf-8", "replace"), "raw_path": path,
        "query_string": query, "root_path": "", "headers": [], "client": ("127.0.0.1", 1), "server": ("desk", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return int(sent[0]["status"])
