"""Every refusal as an RFC 9457 problem: one table of slugs, from errors without HTTP to status codes.

A service gives its own errors a `code`; `declare` says what that slug's status and title are, where they differ from its kind's.
"""

import json
from collections.abc import Iterable
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

from events.errors import Conflict, DomainError, Invalid, NotFound, NotPermitted, NotSignedIn, Stale, TooMany, Unavailable

MEDIA_TYPE = "application/problem+json"

PROBLEMS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "Bad request"),
    "not-signed-in": (401, "Not signed in"),
    "not-permitted": (403, "Not permitted"),
    "missing-scope": (403, "The token lacks a scope"),
    "session-needed": (403, "A browser session is needed"),
    "cross-site": (403, "Cross-site request"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "conflict": (409, "Conflict"),
    "erased": (409, "The person was erased"),
    "stale": (412, "Changed since you read it"),
    "too-large": (413, "Too large"),
    "unsupported-media-type": (415, "Not JSON"),
    "invalid": (422, "Invalid"),
    "key-reused": (422, "Idempotency-Key used for another request"),
    "too-many-requests": (429, "Too many requests"),
    "internal": (500, "Something broke here"),
    "outcome-unknown": (502, "Outcome unknown"),
    "unavailable": (503, "Unavailable for the moment"),
}
"""Slug to (status, title). Every slug that any service answers with stands here once its modules are imported; the gateway's too."""

RETRY_AFTER: dict[str, Any] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
"""The header, as the documents show it."""

_KINDS: tuple[tuple[type[DomainError], str], ...] = (
    (NotSignedIn, "not-signed-in"),
    (NotPermitted, "not-permitted"),
    (NotFound, "not-found"),
    (Stale, "stale"),
    (Conflict, "conflict"),
    (Invalid, "invalid"),
    (TooMany, "too-many-requests"),
    (Unavailable, "unavailable"),
)


class TooLarge(DomainError):
    code = "too-large"


class NotJson(DomainError):
    code = "unsupported-media-type"


class MethodNotAllowed(DomainError):
    """`allow` is the value of the Allow header."""

    code = "method-not-allowed"

    def __init__(self, allow: str) -> None:
        super().__init__("This address does not answer to that method.")
        self.allow = allow


_MEMBERS: dict[str, dict[str, Any]] = {}


def declare(slug: str, status: int, title: str, **members: Any) -> str:
    """Put a service's own slug into the table and return it; `members` are what its example has beside those of all problems.

    Raises ValueError if it stands there with another meaning.
    """
    if PROBLEMS.setdefault(slug, (status, title)) != (status, title):
        raise ValueError(f"The problem {slug} means something else already.")
    if members:
        _MEMBERS[slug] = members
    return slug


def status_of(error: DomainError) -> tuple[int, str]:
    """Return the status and the title of an error, by its code, or else by the kind of error it is."""
    found = PROBLEMS.get(error.code)
    if found is None:
        found = next((PROBLEMS[slug] for kind, slug in _KINDS if isinstance(error, kind)), PROBLEMS["internal"])
    return found


def problem(error: DomainError, instance: str = "") -> Response:
    """Return the answer for an error: its message as `detail`, its facts as members, and the headers that go with its status."""
    status, title = status_of(error)
    members = {
        "type": f"/problems/{error.code}",
        "title": title,
        "status": status,
        "detail": str(error),
        "instance": instance,
        **error.facts,
    }
    return Response(json.dumps({**members, **error.facts}), status, headers=_headers(error), media_type=MEDIA_TYPE)


def _headers(error: DomainError) -> dict[str, str]:
    headers = {"cache-control": "no-store"}
    match error:
        case TooMany() | Unavailable():
            headers["retry-after"] = str(error.retry_after)
        case NotSignedIn():
            headers["www-authenticate"] = "Bearer"
        case MethodNotAllowed():
            headers["allow"] = error.allow
    return headers


def instance_of(connection: HTTPConnection) -> str:
    """Return the path that was asked for, as the problem's `instance`: still percent-encoded, so that it is a URI reference."""
    return str(connection.scope.get("raw_path", b"").decode("latin-1")).partition("?")[0]


def responses(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses for these slugs, one per status, each slug as an example."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for slug in dict.fromkeys(slugs):
        status, title = PROBLEMS[slug]
        answer = by_status.setdefault(status, _response(status, title))
        content = answer["content"][MEDIA_TYPE]
        content["examples"][slug] = {"value": _example(slug, status, title)}
    return by_status


def merge(*parts: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses joined; of one status that several name, the examples are joined and the first's description stays."""
    joined: dict[int | str, dict[str, Any]] = {}
    for status, answer in ((int(key) if str(key).isdigit() else key, answer) for part in parts for key, answer in part.items()):
        known = joined.setdefault(status, answer)
        for media, content in answer.get("content", {}).items():
            mine = known.setdefault("content", {}).setdefault(media, content)
            if mine is not content and "examples" in content:
                mine["examples"] = {**content["examples"], **mine.get("examples", {})}
    return joined


def _response(status: int, title: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": title,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
    }
    if status in (429, 503):
        answer["headers"] = RETRY_AFTER
    if status == 405:
        answer["headers"] = {"Allow": {"description": "What the address does answer to.", "schema": {"type": "string"}}}
    return answer


def _example(slug: str, status: int, title: str) -> dict[str, Any]:
    example = {
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
        "detail": f"{title}.",
        "instance": "/api/…",
        **_MEMBERS.get(slug, {}),
    }
    if status == 410:
        example["cut"] = "0"
    if status == 412:
        example["current_version"] = 8
    if status == 422:
        example["errors"] = [{"loc": ["body", "title"], "msg": "Field required"}]
    return example


SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "/problems/<slug>"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "challenge": {"type": "string", "description": "401: a secret for the second step of a sign-in."},
        "expires_at": {"type": "string", "format": "date-time", "description": "401: until when the second step can be taken."},
        "tries_left": {"type": "integer", "description": "401: how many more codes this sign-in may be tried with."},
        "cut": {"type": "string", "description": "410: the position of the last event that a restore kept."},
        "current_version": {"type": "integer", "description": "412: the version that the entity has now."},
        "errors": {
            "type": "array",
            "description": "422: which field breaks which rule.",
            "items": {
                "type": "object",
                "required": ["loc", "msg"],
                "properties": {
                    "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                    "msg": {"type": "string"},
                },
            },
        },
    },
}
"""The component that every declared problem refers to."""


def all_slugs(statuses: Iterable[int] = ()) -> list[str]:
    """Return the slugs of the table, of these statuses or of all, in order."""
    wanted = set(statuses)
    return sorted(slug for slug, (status, _) in PROBLEMS.items() if not wanted or status in wanted)
