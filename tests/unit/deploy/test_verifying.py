"""What `ste audit verify` says of services that verify, that do not listen, and that hang."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy import operator
from deploy.operator import Operator
from deploy.ports import free_ports
from deploy.verifying import keep, verify_all

GOOD = {"source": "/auth", "ok": True, "events": 7}


@contextmanager
def service(*, stuck: bool = False, heard: list[object] | None = None) -> Iterator[str]:
    """A service that says how far it is, and what came of it unless it is stuck; `heard` gets the bodies that it is sent."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"done": 3, "total": 7})

        def do_POST(self) -> None:
            if heard is not None:
                heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if stuck:
                over.wait(60)
            self._answer(GOOD)

        def _answer(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hung() -> Iterator[str]:
    """The address of a process that was stopped: the kernel takes connections for it, and nothing ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


def test_a_service_that_hangs_is_told_of_beside_those_that_are_well(hung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator, "_PATIENCE", 2.0)
    (nobody,) = free_ports(1)
    with service() as well, Operator({"auth": well, "tickets": hung, "notifier": f"http://127.0.0.1:{nobody}"}, "secret") as desk:
        reports = verify_all(desk, ["auth", "tickets", "notifier"], lambda _far: None)
    assert reports["auth"] == GOOD
    assert reports["tickets"] == {
        "source": "/tickets",
        "ok": None,
        "reason": "It was asked how far it is. tickets did not answer in time.",
    }
    assert reports["notifier"]["ok"] is None
    assert "notifier does not answer at" in reports["notifier"]["reason"]


def test_a_verification_that_stands_still_is_not_waited_for() -> None:
    told: list[object] = []
    with service(stuck=True) as url, Operator({"auth": url}, "secret") as desk:
        reports = verify_all(desk, ["auth"], told.append, standstill=0.5)
    assert reports["auth"]["reason"] == "It answers, but has stood still at 3 of 7 events for 0 minutes."
    assert {"auth": (3, 7)} in told


def test_what_was_found_is_told_to_the_desk_of_stores_that_were_not_verified_too() -> None:
    heard: list[object] = []
    away = {"source": "/notifier", "ok": None, "reason": "notifier does not answer."}
    with service(heard=heard) as url, Operator({"tickets": url}, "secret") as desk:
        keep(desk, {"auth": GOOD, "notifier": away})
    nothing = {"head": {"sequence": 0, "hash": None}, "checkpoints": 0, "first_bad_sequence": None}
    assert heard == [{"stores": [GOOD | nothing | {"reason": None}, away | nothing | {"events": 0}]}]
