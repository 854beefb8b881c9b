"""A service that tells what reached it: the outer edge of tests of the gateway."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PADDING = "x" * 2000
"""Enough to be worth compressing."""


class Upstream(ThreadingHTTPServer):
    """`seen` holds each request that arrived whole, as {"method", "path", "headers", "size"}; `go_on` lets a stream send its second.

    `left` is set once the connection of a request to a path that ends in `/long` was closed; such a request gets no answer.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.seen: list[dict[str, Any]] = []
        self.go_on = threading.Event()
        self.left = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that are cut: some tests do that."""


class _Handler(BaseHTTPRequestHandler):
    server: Upstream
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        return

    def _answer(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            return
        told = {"method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "size": len(body)}
        self.server.seen.append(told)
        if self.path == "/api/auth/stream":
            self._stream()
        elif self.path.endswith("/long"):
            self.connection.settimeout(20)
            if self.connection.recv(1) == b"":
                self.server.left.set()
            self.close_connection = True
        elif self.path.startswith("/api/auth/breaks-off"):
            self._break_off()
        elif self.path == "/api/auth/dies":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self._echo(told)

    def _body(self) -> bytes | None:
        """Return the body, None when it was cut off before its end."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            return body if len(body) == size else None
        body = b""
        while size := int(self.rfile.readline().strip() or b"-1", 16):
            if size < 0:
                return None
            body += self.rfile.read(size + 2)[:size]
        self.rfile.readline()
        return body

    def _echo(self, told: dict[str, Any]) -> None:
        body = json.dumps({**told, "padding": PADDING}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")  # as every service sets it
        self.send_header("ETag", '"7"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _break_off(self) -> None:
        """End in the middle of an answer."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"x" * 100_000)
        self.close_connection = True

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.server.go_on.wait(20)
        self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names that http.server calls


@contextmanager
def upstream(port: int = 0) -> Iterator[Upstream]:
    """Serve until the end of the block, on that port or on a free one."""
    with Upstream(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.go_on.set()
            server.shutdown()
            thread.join()
