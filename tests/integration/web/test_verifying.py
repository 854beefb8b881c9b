"""A verification that takes longer than a request may: the page of the audit shows how far it is, and comes to the result by itself."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.web.desks import make_admin, pages, sign_in
from tests.support.house import house

EVENTS = 200_000
STORE = {"source": "/tickets", "ok": True, "events": EVENTS, "head": {"sequence": EVENTS, "hash": "00"}, "reason": None}
RESULT = {"ok": True, "checked_at": "2026-11-23T09:00:00Z", "stores": [STORE]}
REFRESH = '<noscript><meta http-equiv="refresh"'


class SlowService(ThreadingHTTPServer):
    """The service of the audit while a long verification runs: `far` is how far it is, None when none runs; `result` is the last one's."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.far: int | None = None
        self.result: dict[str, Any] | None = None


class _Handler(BaseHTTPRequestHandler):
    server: SlowService

    def log_message(self, *_: object) -> None:
        return

    def _tell(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
        if self.server.far is not None:
            self.send_header("Ste-Progress", f"{self.server.far}/{EVENTS}")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self) -> None:
        if not self.path.startswith("/api/audit/verify"):
            self._tell(200, {"items": [], "next_cursor": None})
        elif self.server.result is None:
            self._tell(404, {"type": "/problems/not-found", "title": "Not found", "status": 404, "detail": "Nothing was verified yet."})
        else:
            self._tell(200, self.server.result)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.far = 0
        self._tell(202, {"status": "running"})


@contextmanager
def slow_service() -> Iterator[SlowService]:
    with SlowService() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def slow() -> Iterator[SlowService]:
    with slow_service() as server:
        yield server


@pytest.fixture
async def ada(tmp_path: Path, slow: SlowService) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the pages in which Ada, an admin, is signed in."""
    async with house(tmp_path, "auth", tickets_port=slow.server_port) as desk, pages(desk.settings) as client:
        await make_admin(desk, "Ada", "ada@example.org")
        await sign_in(client, "ada@example.org")
        yield client


async def test_how_far_it_is_is_shown_until_the_result_is_there(ada: httpx2.AsyncClient, slow: SlowService) -> None:
    idle = (await ada.get("/audit?entity=user")).text
    assert "Not verified yet" in idle
    assert REFRESH not in idle

    begun = await ada.post("/audit/verify", data={"next": "/audit?entity=user"})
    assert (begun.status_code, begun.headers["location"]) == (303, "/audit?entity=user")
    for far, told in ((0, "0%"), (50_000, "25%"), (EVENTS, "100%")):
        slow.far = far
        # without a script the page asks for itself again, with one the seal alone is asked for
        whole, seal = (await ada.get("/audit?entity=user")).text, (await ada.get("/audit/seal")).text
        assert REFRESH in whole
        for page in (whole, seal):
            assert f"A verification is under way: {far:,} of 200,000 events." in page
            assert f'<progress max="200000" value="{far}">{told}</progress>' in page
            assert "data-verifying" in page
            assert "Verify now" not in page

    slow.far, slow.result = None, RESULT
    whole, seal = (await ada.get("/audit?entity=user")).text, (await ada.get("/audit/seal")).text
    assert REFRESH not in whole
    for page in (whole, seal):
        assert "The log is what was recorded" in page
        assert "data-verifying" not in page
        assert "Verify now" in page


async def test_the_last_result_stands_beside_the_progress_of_the_next(ada: httpx2.AsyncClient, slow: SlowService) -> None:
    slow.result, slow.far = RESULT, 1_000
    page = (await ada.get("/audit")).text
    assert "The log is what was recorded" in page
    assert "1,000 of 200,000 events" in page
    assert "up to 200,000" in page
