"""Well-behaved clients: what they were not answered they ask again, with the same Idempotency-Key, until they know."""

import json
import threading
import time
from collections.abc import Collection
from typing import Any

import httpx2

from tests.faults.history import Attempt, History, Operation

PATIENCE = 120.0
"""Seconds after which it is wrong that an operation is still unknown."""
_PAUSE = 0.05
"""Seconds between two attempts: short, so that the first answer after a fault is seen when it can be given."""


class Caller:
    """One single-threaded client process: `name`, or `name#2` for the second hand of the same person."""

    def __init__(self, name: str, client: httpx2.Client, history: History) -> None:
        self.name, self.history = name, history
        self._client = client

    def surely(
        self,
        kind: str,
        service: str,
        method: str,
        path: str,
        *,
        refusals: Collection[int] = (),
        proofs: Collection[int] = (),
        **rest: Any,
    ) -> Operation:
        """Ask until it is known what came of it.

        `refusals` are statuses that may come; one in `proofs` says, after an attempt that was not answered, that it was done.
        """
        operation = self._begin(kind, service, method, path, **rest)
        give_up = time.monotonic() + PATIENCE
        while not self._attempt(operation, refusals, proofs):
            if time.monotonic() > give_up:
                self.history.observe(f"Liveness: {operation} is unknown after {PATIENCE:.0f} s.")
                self.history.complete(operation, "info", None, "")
                break
            threading.Event().wait(_PAUSE)
        return operation

    def once(self, kind: str, service: str, method: str, path: str, *, refusals: Collection[int] = (), **rest: Any) -> Operation:
        """Ask once; where no answer comes it stays unknown."""
        operation = self._begin(kind, service, method, path, **rest)
        if not self._attempt(operation, refusals):
            self.history.complete(operation, "info", operation.attempts[-1].status, "")
        return operation

    def forget(self) -> None:
        """Come as a stranger again: a cookie that is carried along would be a session that the next sign-in ends."""
        self._client.cookies.clear()

    def look(self, path: str, **query: str) -> Any:
        """Return the JSON of a GET, None when it was not answered with 200."""
        try:
            answer = self._client.get(path, params=query)
        except httpx2.HTTPError:
            return None
        if answer.status_code == 200:
            return answer.json()
        self._judge(f"GET {path}", answer.status_code, answer.text, ())
        return None

    def _begin(self, kind: str, service: str, method: str, path: str, **rest: Any) -> Operation:
        operation = Operation(kind=kind, process=self.name, service=service, method=method, path=path, **rest)
        self.history.invoke(operation)
        return operation

    def _attempt(self, operation: Operation, refusals: Collection[int], proofs: Collection[int] = ()) -> bool:
        """Send once, and return whether the outcome is known now."""
        headers = {"traceparent": operation.traceparent}
        if operation.key is not None:
            headers["Idempotency-Key"] = operation.key
        if operation.expected is not None:
            headers["If-Match"] = f'"{operation.expected}"'
        content = None
        if operation.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(operation.body).encode()
        uncertain = bool(operation.attempts)  # there was one before this, and nobody knows what came of it
        began = time.time()
        try:
            answer = self._client.request(operation.method, operation.path, content=content, headers=headers)
        except httpx2.HTTPError as error:
            self.history.attempted(operation, Attempt(began, time.time(), None, type(error).__name__))
            return False
        self.history.attempted(operation, Attempt(began, time.time(), answer.status_code))
        if answer.status_code >= 500:
            self._judge(str(operation), answer.status_code, answer.text, ())
            return False
        if answer.is_success or (uncertain and answer.status_code in proofs):
            self.history.complete(operation, "ok", answer.status_code, answer.text)
            return True
        self._judge(str(operation), answer.status_code, answer.text, refusals)
        # what is refused now may be refused because an earlier attempt was done
        self.history.complete(operation, "info" if uncertain else "fail", answer.status_code, answer.text)
        return True

    def _judge(self, what: str, status: int, text: str, refusals: Collection[int]) -> None:
        """Write down an answer that nobody should get: a failure with no reason in the fault, or a refusal that was not asked for."""
        if status not in (502, 503, 504, *refusals):
            self.history.observe(f"Unexpected answer {status} to {what}: {text[:300]}")
