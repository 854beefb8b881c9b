"""schemathesis over every OpenAPI document, through the gateway, as everybody: no answer is a 5xx or other than its document says.

STE_FUZZ_EXAMPLES=500 looks deeper, STE_FUZZ_SEED=7 elsewhere.
"""

import os
from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import schemathesis
from schemathesis.engine import Status, events, from_schema

from tests.contract.cast import SERVICES
from tests.support.desk import Desk

pytestmark = pytest.mark.timeout(3600 if "STE_FUZZ_EXAMPLES" in os.environ else 300)

EXAMPLES = int(os.environ.get("STE_FUZZ_EXAMPLES", "5"))
SEED = int(os.environ.get("STE_FUZZ_SEED", "20261124"))
VISITORS = ("anonymous", "user", "admin")
HERE = {"Sec-Fetch-Site": "same-origin"}
MAY_END_IT = (
    "/api/auth/login", "/api/auth/logout", "/api/auth/password", "/api/auth/sessions", "/api/auth/sessions/{session}",
    "/api/auth/users/{user}",
)  # fmt: skip
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection",
)  # fmt: skip


class Visitor:
    """Comes as somebody, and as somebody new where the request before may have ended the session, the password or the account."""

    def __init__(self, desk: Desk, who: str) -> None:
        self._desk, self._who = desk, who
        self._cookie = ""
        self._in_doubt = who != "anonymous"

    def get(self, case: Any, _context: Any) -> dict[str, str]:
        """Return the headers to come with. schemathesis asks before each request."""
        if self._in_doubt:
            self._make_sure()
        self._in_doubt = self._who != "anonymous" and case.operation.path in MAY_END_IT
        return {**HERE, "Cookie": f"sid={self._cookie}"} if self._cookie else {**HERE}

    def set(self, case: Any, headers: dict[str, str], _context: Any) -> None:
        case.headers.update(headers)

    def _make_sure(self) -> None:
        with httpx2.Client(base_url=self._desk.url, headers=HERE, cookies={"sid": self._cookie}, trust_env=False) as client:
            me = client.get("/api/auth/me")
            if me.status_code == 200 and me.json()["role"] == self._who:
                return
            account = {"name": "Fuzz", "email": f"{uuid4()}@example.org", "password": "four-words-say-more"}
            if self._who == "admin":
                with self._desk.operator() as operator:
                    operator.post("auth", "/internal/users/admin", account)
            else:
                client.post("/api/auth/register", json=account)
            answer = client.post("/api/auth/login", json={"email": account["email"], "password": account["password"]})
            assert answer.status_code == 200, answer.text
            self._cookie = answer.cookies["sid"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return a desk for this file alone: its people, roles and policies are changed at random."""
    with Desk(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


@pytest.fixture(scope="module")
def documents(desk: Desk) -> dict[str, Any]:
    return {name: desk.client().get(f"/api/{name}/openapi.json").json() for name in SERVICES}


@pytest.mark.parametrize("who", VISITORS)
@pytest.mark.parametrize("service", SERVICES)
def test_every_answer_is_what_the_document_says(service: str, who: str, desk: Desk, documents: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_dict(
        _without_cursors(documents[service]), config=_config(desk, thorough=who != "anonymous" or service == "auth")
    )

    class Bound(Visitor):
        def __init__(self) -> None:
            super().__init__(desk, who)

    schema.auth(refresh_interval=None)(Bound)
    asked = 0
    failures: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            asked += len(event.recorder.interactions)
            failures += _failures(event)
        elif isinstance(event, events.NonFatalError):
            failures.append(f"{event.label}: {event.value!r}")
    assert asked >= len(documents[service]["paths"]), "It hardly asked anything."
    assert not failures, f"{len(failures)} failures\n" + "\n\n".join(failures[:10])


def _without_cursors(document: dict[str, Any]) -> dict[str, Any]:
    """A made-up place is refused whatever else is asked, so that nothing else would be asked; `test_lists`, `test_feed` have real ones.

    A stream that is narrowed to what never happens says nothing for as long as it is waited for; the same words narrow the pages.
    """
    told = deepcopy(document)
    for path, item in told["paths"].items():
        for operation in item.values():
            if "parameters" in operation:
                narrows = path.endswith("/stream")
                operation["parameters"] = [
                    each
                    for each in operation["parameters"]
                    if each["name"] not in ("cursor", "after") and not (narrows and each["in"] == "query")
                ]
    return told


def _config(desk: Desk, *, thorough: bool) -> schemathesis.Config:
    """Return what to look for; without being thorough, where nobody gets past the door, a few examples of each route."""
    return schemathesis.Config.from_dict(
        {
            "seed": SEED,
            "base-url": desk.url,
            "request-timeout": 20,
            "max-stream-events": 1,
            "generation": {"max-examples": EXAMPLES, "database": "none", "with-security-parameters": False, "deterministic": True},
            "checks": {"enabled": False, **{name: {"enabled": True} for name in CHECKS}},
            "operations": [
                # OpenAPI 3.1 knows one schema for a whole stream; schemathesis would hold each event to it
                {"include-name": f"GET /api/{of}/stream", "checks": {"response_schema_conformance": {"enabled": False}}}
                for of in ("notifications", "events")
            ],
            # methods that a path does not have are test_bad_input's
            "phases": {"coverage": {"enabled": thorough, "unexpected-methods": []}, "stateful": {"enabled": False}},
        }
    )


def _failures(event: events.ScenarioFinished) -> Iterator[str]:
    for nodes in event.recorder.checks.values():
        for node in nodes:
            if node.status is not Status.SUCCESS:
                info = node.failure_info
                yield f"{event.label}, {node.name}: {info and info.failure}\n{info and info.code_sample}"
