"""What a refusal looks like, and how to send what no client library would."""

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

import httpx2

from chassis.problems import MEDIA_TYPE
from tests.support.desk import Desk

MARK = "hunter2-7f3a"
"""Stands in what is sent, and must stand in no answer."""


@dataclass(frozen=True)
class Raw:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        assert self.headers.get("content-type") == MEDIA_TYPE, (self.status, self.body[:200])
        return json.loads(self.body)


def refused(answer: httpx2.Response | Raw, status: int, slug: str) -> Any:
    """Return the problem that an answer must be, and that tells nothing of what was sent."""
    raw = answer if isinstance(answer, Raw) else Raw(answer.status_code, answer.headers, answer.content)
    problem = raw.problem
    assert (raw.status, problem["status"], problem["type"]) == (status, status, f"/problems/{slug}"), raw.body
    assert all(isinstance(problem[name], str) and problem[name] for name in ("title", "detail", "instance")), problem
    told = {**problem, "instance": ""}  # the path of the request is the instance, and nothing else is said back
    assert MARK not in json.dumps(told), told
    if status == 422:
        assert problem["errors"], problem
        assert all(set(error) == {"loc", "msg"} for error in problem["errors"]), problem
        assert not [error for error in problem["errors"] if "match pattern" in error["msg"] or "^" in error["msg"]], problem
    return problem


def ask(desk: Desk, method: str, path: str, headers: Mapping[str, str] | None = None, *, port: int | None = None) -> Raw:
    """Ask for a path exactly as it is written, without a body."""
    connection = HTTPConnection("127.0.0.1", port or desk.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in {"Content-Length": "0", "Sec-Fetch-Site": "same-origin", **(headers or {})}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return Raw(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def send(port: int, data: bytes) -> bytes:
    """Send bytes that ask for the connection's end, or force it, and return all that comes back until it is closed."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(data)  # the other side may have heard enough before that is all
        while chunk := connection.recv(65536):
            received += chunk
    return received


def cookie_of(client: httpx2.Client) -> str:
    return client.cookies["sid"]
