"""auth's OpenAPI document: true to the specification, and to what the routes do."""

from typing import Any

from openapi_spec_validator import validate

from tests.integration.auth.visitors import Desk

EXPECTED = {
    ("post", "/api/auth/register"): {"201", "403", "409", "413", "415", "422", "429", "503"},
    ("post", "/api/auth/login"): {"200", "401", "403", "413", "415", "422", "429", "503"},
    ("post", "/api/auth/login/second-factor"): {"200", "401", "403", "413", "415", "422", "429", "503"},
    ("get", "/api/auth/two-factor"): {"200", "401", "403", "422", "503"},
    ("post", "/api/auth/two-factor"): {"201", "401", "403", "409", "413", "415", "422", "429", "503"},
    ("post", "/api/auth/two-factor/confirm"): {"200", "401", "403", "409", "413", "415", "422", "429", "503"},
    ("post", "/api/auth/two-factor/recovery-codes"): {"200", "401", "403", "409", "413", "415", "422", "429", "503"},
    ("post", "/api/auth/two-factor/disable"): {"204", "401", "403", "409", "413", "415", "422", "429", "503"},
    ("delete", "/api/auth/users/{user}/two-factor"): {"204", "401", "403", "404", "409", "422", "503"},
    ("post", "/api/auth/logout"): {"204", "401", "403", "422", "503"},
    ("get", "/api/auth/me"): {"200", "401", "403", "422", "503"},
    ("get", "/api/auth/sessions"): {"200", "401", "403", "422", "503"},
    ("delete", "/api/auth/sessions"): {"204", "401", "403", "422", "503"},
    ("delete", "/api/auth/sessions/{session}"): {"204", "401", "403", "404", "422", "503"},
    ("post", "/api/auth/password"): {"204", "401", "403", "413", "415", "422", "429", "503"},
    ("get", "/api/auth/tokens"): {"200", "401", "403", "422", "503"},
    ("post", "/api/auth/tokens"): {"201", "401", "403", "409", "413", "415", "422", "503"},
    ("delete", "/api/auth/tokens/{token}"): {"204", "401", "403", "404", "422", "503"},
    ("get", "/api/auth/users"): {"200", "401", "403", "422", "503"},
    ("get", "/api/auth/users/{user}"): {"200", "401", "403", "404", "422", "503"},
    ("patch", "/api/auth/users/{user}"): {"200", "401", "403", "404", "409", "413", "415", "422", "503"},
    ("post", "/api/auth/users/{user}/erase"): {"202", "401", "403", "404", "409", "413", "415", "422", "503"},
    ("get", "/api/auth/users/{user}/erasure"): {"200", "401", "403", "404", "422", "503"},
    ("get", "/api/auth/system"): {"200", "401", "403", "422", "503"},
    ("get", "/api/auth/parked"): {"200", "401", "403", "422", "503"},
    ("post", "/api/auth/parked/{source}/{sequence}/retry"): {"200", "401", "403", "404", "409", "413", "422", "503"},
    ("post", "/api/auth/parked/{source}/{sequence}/skip"): {"204", "401", "403", "404", "409", "413", "415", "422", "503"},
}
OWN = {
    "invalid-credentials", "email-taken", "last-admin", "too-many-tokens", "wrong-password", "erased", "second-factor-required",
    "invalid-code", "challenge-over", "wrong-code", "two-factor-enabled", "two-factor-not-enabled", "no-enrolment",
}  # fmt: skip


async def test_the_document_tells_every_call_and_every_answer(desk: Desk) -> None:
    async with desk.browser() as anyone:
        document = (await anyone.get("/api/auth/openapi.json")).json()
    validate(document)
    calls = {(method, path): operation for path, item in document["paths"].items() for method, operation in item.items()}
    told = {call: set(operation["responses"]) for call, operation in calls.items() if call[1].startswith("/api/")}
    assert told == EXPECTED
    assert not [path for path in document["paths"] if path.startswith("/internal")]
    assert _examples(document) >= OWN
    assert document["x-problems"].keys() >= OWN


def _examples(document: dict[str, Any]) -> set[str]:
    answers = [answer for item in document["paths"].values() for operation in item.values() for answer in operation["responses"].values()]
    return {slug for answer in answers for slug in answer.get("content", {}).get("application/problem+json", {}).get("examples", {})}
