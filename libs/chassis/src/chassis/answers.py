"""Answers as bytes: pydantic-core writes the JSON, the headers are made once."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json
from starlette.responses import Response

_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"no-store")


class Answer(Response):
    """A response whose head is written without the detours of a general one. Bodies of status 204 are empty."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str] | None = None, *, json: bool = True) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        raw = [_JSON, _NO_STORE] if json else [_NO_STORE]
        if status != 204:
            raw.append((b"content-length", b"%d" % len(body)))
        if headers:
            raw.extend((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())
        self.raw_headers = raw


def to_bytes(value: Any) -> bytes:
    """Return the JSON of a pydantic model or of plain values; bytes stay as they are."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, BaseModel):
        return value.__pydantic_serializer__.to_json(value)
    return to_json(value)


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a pydantic model, plain values, or bytes that are JSON already."""
    return Answer(to_bytes(value), status, headers)


def no_content(headers: Mapping[str, str] | None = None) -> Answer:
    """Answer 204."""
    return Answer(b"", 204, headers, json=False)
