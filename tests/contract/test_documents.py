"""What the OpenAPI documents say: everything that can be answered, and what the contract asks of every route of a kind."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chassis.problems import MEDIA_TYPE
from deploy import local
from tests.contract.cast import SERVICES
from tests.support.desk import Desk

CADDYFILE = Path(local.__file__).with_name("Caddyfile")
WITHOUT_A_KEY = (
    "/api/auth/register", "/api/auth/login", "/api/auth/logout", "/api/auth/password", "/api/auth/tokens", "/api/audit/verify",
    "/api/escalations/simulate", "/api/auth/login/second-factor", "/api/auth/two-factor", "/api/auth/two-factor/confirm",
    "/api/auth/two-factor/recovery-codes", "/api/auth/two-factor/disable",
)  # fmt: skip
CONDITIONAL = (
    ("patch", "/api/tickets/{ticket}"), ("put", "/api/tickets/{ticket}/status"), ("put", "/api/tickets/{ticket}/priority"),
    ("put", "/api/tickets/{ticket}/assignee"), ("put", "/api/escalations/policies"),
)  # fmt: skip


def operations(documents: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return (method, path, operation) of all documents."""
    return [
        (method, path, operation)
        for document in documents.values()
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def headers(operation: Any) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "header"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_is_valid(service: str, documents: dict[str, Any]) -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(documents[service]).iter_errors()] == []


def test_every_path_of_a_document_is_reached_through_the_gateway(documents: dict[str, Any], desk: Desk, nobody: httpx2.Client) -> None:
    """Asked with a method that no path has, a service names those that this one has."""
    for service, document in documents.items():
        for path, item in document["paths"].items():
            asked = re.sub(r"\{\w+\}", "1", path)
            through = nobody.request("TRACE", asked)
            itself = httpx2.request("TRACE", f"http://127.0.0.1:{desk.port_of(service)}{asked}", trust_env=False)
            assert through.status_code == itself.status_code == 405, asked
            assert through.headers["Allow"] == itself.headers["Allow"]
            assert {method.upper() for method in item} <= set(through.headers["Allow"].split(", "))


def test_every_post_takes_an_idempotency_key_but_those_that_the_contract_names(documents: dict[str, Any]) -> None:
    wrong = [
        path
        for method, path, operation in operations(documents)
        if method == "post" and ("Idempotency-Key" in headers(operation)) == (path in WITHOUT_A_KEY)
    ]
    assert wrong == []


def test_a_key_or_a_condition_that_is_none_and_a_body_that_is_too_large_are_declared(documents: dict[str, Any]) -> None:
    for method, path, operation in operations(documents):
        refusals = [answer.get("content", {}).get(MEDIA_TYPE, {}) for answer in operation["responses"].values()]
        declared = {slug for refusal in refusals for slug in refusal.get("examples", {})}
        wanted = {"Idempotency-Key": {"invalid", "key-reused", "too-large"}, "If-Match": {"invalid", "stale"}}
        for name, slugs in wanted.items():
            assert name not in headers(operation) or slugs <= declared, (method, path)


def test_every_change_of_a_versioned_thing_takes_a_condition(documents: dict[str, Any]) -> None:
    found = [(method, path) for method, path, operation in operations(documents) if "If-Match" in headers(operation)]
    assert sorted(found) == sorted(CONDITIONAL)


def test_every_refusal_that_is_declared_is_a_problem_of_the_documents_table(documents: dict[str, Any]) -> None:
    for document in documents.values():
        table = document["x-problems"]
        for path, item in document["paths"].items():
            for operation in item.values():
                for status, answer in operation["responses"].items():
                    if int(status) < 400 or path.startswith("/health/"):
                        continue
                    examples = answer["content"][MEDIA_TYPE]["examples"]
                    assert examples, (path, status)
                    for slug, example in examples.items():
                        assert example["value"]["title"] == table[slug]["title"]
                        assert example["value"]["status"] == table[slug]["status"] == int(status)


def test_what_the_gateway_refuses_is_in_the_documents_too(documents: dict[str, Any]) -> None:
    """The same slug is the same status and the same title, whoever answers."""
    said = re.findall(r'import problem (\S+) (\S+) "([^"]+)"', CADDYFILE.read_text())
    assert len(said) >= 8
    for document in documents.values():
        table = document["x-problems"]
        for status, slug, title in said:
            assert slug in table, slug
            assert table[slug]["title"] == title, slug
            assert not status.isdigit() or table[slug]["status"] == int(status) or slug == "outcome-unknown", slug


@pytest.mark.parametrize("service", SERVICES)
def test_what_comes_in_and_out_has_an_example(service: str, documents: dict[str, Any]) -> None:
    """Somebody who reads the document sees what a thing looks like, not only what it may be."""
    schemas = documents[service]["components"]["schemas"]
    for path, item in documents[service]["paths"].items():
        for method, operation in item.items():
            whole = [operation.get("requestBody", {}), *operation["responses"].values()]
            for media, shown in [found for part in whole for found in part.get("content", {}).items()]:
                told = shown.keys() & _EXAMPLES or media == "text/event-stream" or _shows(schemas, shown["schema"])
                assert told, (method, path, shown["schema"])


def _shows(schemas: Any, schema: Any) -> bool:
    """Return whether a schema has an example, or all that it is made of has one or leaves no doubt."""
    if schema.keys() & _EXAMPLES or schema.keys() & {"enum", "const"}:
        return True
    if "$ref" in schema:
        return _shows(schemas, schemas[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return any(_shows(schemas, choice) for choice in schema["anyOf"])
    if "properties" in schema:
        return all(_shows(schemas, field) for field in schema["properties"].values())
    if "items" in schema:
        return _shows(schemas, schema["items"])
    return schema.get("type") in ("boolean", "null") or schema.get("format") == "date-time"


_EXAMPLES = {"example", "examples"}
