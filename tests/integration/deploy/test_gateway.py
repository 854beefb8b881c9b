"""What the gateway lets through, and what it keeps from the services."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from deploy.ports import free_ports
from tests.integration.deploy.conftest import Gateway, Open, running
from tests.support.upstream import upstream
from tests.support.waiting import eventually

PROBLEM = "application/problem+json"


@contextmanager
def raw(gateway: Gateway, data: bytes, patience: float = 20) -> Iterator[socket.socket]:
    """Yield a connection on which `data` was sent as it is."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=patience) as connection:
        connection.sendall(data)
        yield connection


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd", "br, gzip;q=0.5", "*"])
def test_an_entity_tag_passes_unchanged_whatever_the_encoding(gateway: Gateway, encoding: str) -> None:
    with gateway.client.stream("GET", "/api/auth/me", headers={"Accept-Encoding": encoding}) as answer:
        assert answer.headers["ETag"] == '"7"'


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_long_answers_are_compressed(gateway: Gateway, encoding: str) -> None:
    with gateway.client.stream("GET", "/api/auth/me", headers={"Accept-Encoding": encoding}) as answer:
        assert answer.headers["Content-Encoding"] == encoding
        assert sum(map(len, answer.iter_raw())) < 1000


@pytest.mark.parametrize("value", ['"7"', "*", '"7-gzip"', 'W/"7"'])
def test_a_condition_reaches_the_service_as_it_was_sent(gateway: Gateway, value: str) -> None:
    answer = gateway.client.get("/api/auth/me", headers={"If-Match": value, "Accept-Encoding": "gzip"})
    assert answer.json()["headers"]["if-match"] == value


FORGED = [
    "X-Ste-Credential", "X-Ste-Address", "X-Ste-Checked", "X_Ste_Credential", "x-ste-anything", "X-User-Id", "X-User-Role",
    "X-Real-IP", "X-Client-IP", "True-Client-IP", "Forwarded", "X-Forwarded-User", "X-Forwarded-Prefix", "X-Forwarded-Port",
]  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_nobody_outside_says_who_they_are(gateway: Gateway, name: str) -> None:
    answer = gateway.client.get("/api/auth/me", headers={name: "forged-7f3a"})
    assert answer.status_code == 200
    assert "forged-7f3a" not in json.dumps(answer.json()["headers"])


@pytest.mark.parametrize("connection", ["keep-alive", "close, X-Forwarded-For", "X-Forwarded-For, X-Forwarded-Proto"])
def test_where_somebody_comes_from_is_what_the_gateway_saw(gateway: Gateway, connection: str) -> None:
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Connection": connection}
    seen = gateway.client.get("/api/auth/me", headers=headers).json()["headers"]
    assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "http")


def test_a_trusted_proxy_is_believed(open_gateway: Open) -> None:
    gateway = open_gateway(trusted_proxies="127.0.0.0/8, 192.0.2.0/24")
    headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Ste-Credential": "forged"}
    seen = gateway.client.get("/api/auth/me", headers=headers).json()["headers"]
    assert seen["x-forwarded-for"].startswith("203.0.113.9")
    assert seen["x-forwarded-proto"] == "https"
    assert "x-ste-credential" not in seen


def test_a_proxy_that_is_not_trusted_is_not_believed(open_gateway: Open) -> None:
    gateway = open_gateway(trusted_proxies="192.0.2.0/24")
    seen = gateway.client.get("/api/auth/me", headers={"X-Forwarded-For": "203.0.113.9"}).json()["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"


def test_its_log_tells_what_failed_and_not_who_asked_for_what(open_gateway: Open, tmp_path: Path) -> None:
    gateway = open_gateway(trusted_proxies="127.0.0.0/8")
    headers = {"X-Forwarded-For": "203.0.113.77", "User-Agent": "canary-browser/7", "Cookie": "sid=canary-cookie"}
    with pytest.raises(httpx2.RemoteProtocolError):
        gateway.client.get("/api/auth/breaks-off?q=canary-word", headers=headers)
    log = tmp_path / "gateway.log"
    told = eventually(lambda: [json.loads(line) for line in log.read_text().splitlines() if "breaks-off" in line], what="a word about it")
    assert {line["request"]["method"] for line in told} == {"GET"}
    assert {line["request"]["uri"] for line in told} == {"/api/auth/breaks-off"}
    assert "canary" not in log.read_text()
    assert "203.0.113.77" not in log.read_text()


INTERNAL = [
    "/internal", "/internal/events", "/internal/../internal/events", "//internal/events", "/%69nternal/events", "/INTERNAL/events",
    "/api/auth/../../internal/events", "/api/auth/%2e%2e/%2e%2e/internal/events", "/api/auth/..%2f..%2finternal/events",
    "/api/auth//internal/events", "/api/auth/internal", "/api/auth/./internal/users/admin", "/health/auth/../../internal/events",
    "/api/docs/../../internal/events", "/livez", "/readyz", "/metrics", "/api/auth/../../metrics",
]  # fmt: skip


@pytest.mark.parametrize("path", INTERNAL)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_internal_is_not_there(gateway: Gateway, method: str, path: str) -> None:
    gateway.auth.seen.clear()
    with raw(gateway, f"{method} {path} HTTP/1.1\r\nHost: desk\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()) as connection:
        head = connection.makefile("rb").read().split(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 404 ")
    assert PROBLEM.encode() in head
    assert gateway.auth.seen == []


@pytest.mark.parametrize("host", ["localhost", "desk.example.org", "10.1.2.3:99", "evil.example"])
def test_any_host_is_served(gateway: Gateway, host: str) -> None:
    assert gateway.client.get("/api/auth/me", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_more_than_a_megabyte_is_refused_in_the_problem_form(gateway: Gateway, chunked: bool) -> None:
    body = b"x" * 1_000_001
    gateway.auth.seen.clear()
    answer = gateway.client.post("/api/auth/login", content=iter([body[:500_000], body[500_000:]]) if chunked else body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, PROBLEM)
    assert answer.json()["type"] == "/problems/too-large"
    assert gateway.auth.seen == []


def test_a_body_of_a_megabyte_passes(gateway: Gateway) -> None:
    assert gateway.client.post("/api/auth/login", content=b"x" * 1_000_000).json()["size"] == 1_000_000


def test_a_header_of_more_than_20_kilobytes_is_refused(gateway: Gateway) -> None:
    with raw(gateway, b"GET /api/auth/me HTTP/1.1\r\nHost: desk\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n") as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 431 ")


def test_a_slow_header_is_cut(gateway: Gateway) -> None:
    with raw(gateway, b"GET /api/auth/me HTTP/1.1\r\nHost: desk\r\n", patience=8) as connection:
        assert connection.makefile("rb").read().split(b" ")[:2] in ([b""], [b"HTTP/1.1", b"400"], [b"HTTP/1.1", b"408"])


def test_a_slow_body_never_holds_a_service(gateway: Gateway) -> None:
    gateway.auth.seen.clear()
    with raw(gateway, b"POST /api/auth/login HTTP/1.1\r\nHost: desk\r\nContent-Length: 100\r\n\r\nhalf"):
        assert gateway.client.get("/api/auth/me").status_code == 200
        assert [told["path"] for told in gateway.auth.seen] == ["/api/auth/me"]


CHUNKS = [
    b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx\r\n0\r\n\r\n", b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n", b"2\r\n{}\r\n0\r\nno trailer\r\n\r\n",
    b"2;" + b"a" * 70_000 + b"\r\n{}\r\n0\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("chunks", CHUNKS, ids=range(len(CHUNKS)))
def test_a_body_whose_chunks_cannot_be_read_is_the_senders_fault_and_reaches_nobody(gateway: Gateway, chunks: bytes) -> None:
    gateway.auth.seen.clear()
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: desk\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with raw(gateway, head + chunks) as connection:
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert gateway.auth.seen == []


def test_a_stream_is_not_held_back(gateway: Gateway) -> None:
    gateway.auth.go_on.clear()
    with gateway.client.stream("GET", "/api/auth/stream", headers={"Accept-Encoding": "gzip"}) as answer:
        assert "Content-Encoding" not in answer.headers
        lines = answer.iter_lines()
        assert next(line for line in lines if line) == "data: first"  # the service has not sent the second yet
        gateway.auth.go_on.set()
        assert next(line for line in lines if line) == "data: second"


@pytest.mark.parametrize("path", ["/api", "/api/other/x", "/api/authx", "/health", "/health/other", "/api/docs/other", "/api/docsx"])
def test_an_unknown_path_is_a_problem(gateway: Gateway, path: str) -> None:
    answer = gateway.client.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)
    assert answer.json() == {
        "type": "/problems/not-found", "title": "Not found", "status": 404, "detail": "There is nothing at this path.", "instance": path,
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", ['/no"thing', "/no\\thing", '/x?a="b"', "/%22%5c%00", "/{instance}", "/{env.HOME}", "/%7Bhttp.vars.root%7D"]
)
def test_no_path_breaks_out_of_a_problem(gateway: Gateway, path: str) -> None:
    with raw(gateway, f"GET /api{path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n".encode()) as connection:
        body = connection.makefile("rb").read().split(b"\r\n\r\n", 1)[1]
    problem = json.loads(body)
    assert set(problem) == {"type", "title", "status", "detail", "instance"}
    assert "/root" not in problem["instance"]


def test_a_service_that_does_not_run_is_503_with_a_time_to_come_back(gateway: Gateway) -> None:
    answer = gateway.client.get("/api/tickets")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, PROBLEM)
    assert answer.json()["type"] == "/problems/unavailable"
    assert int(answer.headers["Retry-After"]) >= 1


def test_an_answer_that_was_cut_off_says_that_the_outcome_is_unknown(gateway: Gateway) -> None:
    answer = gateway.client.post("/api/auth/dies")
    assert (answer.status_code, answer.json()["type"]) == (502, "/problems/outcome-unknown")
    assert "Retry-After" in answer.headers


def test_what_may_have_been_heard_is_asked_again_only_if_that_changes_nothing(gateway: Gateway) -> None:
    for method, times in (("POST", {1}), ("PUT", {1}), ("GET", set(range(2, 50)))):
        gateway.auth.seen.clear()
        assert gateway.client.request(method, "/api/auth/dies").status_code == 502
        assert len(gateway.auth.seen) in times, method


def test_a_service_that_is_back_within_a_second_is_not_missed(open_gateway: Open) -> None:
    (port,) = free_ports(1)
    gateway = open_gateway(others={"tickets": port})
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(gateway.client.post, "/api/tickets", json={"title": "Nobody listens"})
        assert not asked.done()
        with upstream(port) as tickets:
            assert asked.result().status_code == 200
            assert [told["method"] for told in tickets.seen] == ["POST"]


def test_what_comes_in_is_spread_over_all_processes_and_one_that_is_gone_is_passed_over(open_gateway: Open) -> None:
    (nobody,) = free_ports(1)
    with upstream() as first, upstream() as second:
        gateway = open_gateway(others={"tickets": first.port, "tickets-2": nobody, "tickets-3": second.port})
        for _ in range(40):
            assert gateway.client.post("/api/tickets", json={}).status_code == 200
        assert min(len(first.seen), len(second.seen)) > 0
        assert len(first.seen) + len(second.seen) == 40


@pytest.mark.parametrize("service", ["tickets", "notifier", "escalator"])
def test_the_health_of_a_service_that_does_not_run_is_down(gateway: Gateway, service: str) -> None:
    answer = gateway.client.get(f"/health/{service}")
    assert (answer.status_code, answer.json()) == (503, {"status": "down"})


ROUTED = ["/api/auth/me", "/api/auth/openapi.json", "/api/auth/users/1", "/health/auth"]


@pytest.mark.parametrize("path", ROUTED)
def test_what_is_auths_reaches_auth(gateway: Gateway, path: str) -> None:
    assert gateway.client.get(path).json()["path"] == path


OTHERS = [
    "/api/tickets", "/api/tickets/42", "/api/tickets/42/notes", "/api/tickets/openapi.json", "/api/audit", "/api/audit/export",
    "/api/events", "/api/events/stream", "/api/notifications", "/api/notifications/stream", "/api/jobs", "/api/jobs/1/retry",
    "/api/notifier/openapi.json", "/api/escalations/policies", "/api/escalator/openapi.json",
]  # fmt: skip


@pytest.mark.parametrize("path", OTHERS)
def test_what_is_anothers_is_routed_and_not_to_auth(gateway: Gateway, path: str) -> None:
    assert gateway.client.get(path).status_code == 503


@pytest.mark.parametrize("path", ["/api/auth/me", "/nothing", "/api/tickets", "/api/docs", "/health/tickets"])
def test_every_answer_carries_the_headers_that_protect_a_browser(gateway: Gateway, path: str) -> None:
    headers = gateway.client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "no-" in headers["Cache-Control"]
    assert "Server" not in headers
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize("path", ["/api/auth/me", "/nothing"])
def test_under_https_browsers_are_told_to_stay_there(open_gateway: Open, path: str) -> None:
    headers = open_gateway(origin="https://desk.example.org").client.get(path).headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize("name", ["", "/", "/docs.css", "/docs.js", "/schema.js", "/icon.svg"])
def test_the_documents_page_is_our_own_and_loads_nothing_from_elsewhere(gateway: Gateway, name: str) -> None:
    answer = gateway.client.get(f"/api/docs{name}")
    assert answer.status_code == 200
    assert "https://" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_documents_page_can_only_be_read(gateway: Gateway) -> None:
    answer = gateway.client.post("/api/docs")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/api/docs/../Caddyfile", "/api/docs/%2e%2e/nats.conf", "/api/docs/..%2fguard.py", "/api/docs/.git"])
def test_only_the_pages_own_files_are_served(gateway: Gateway, path: str) -> None:
    with raw(gateway, f"GET {path} HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n".encode()) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("path", ["/", "/tickets/42", "/login", "/docs", "/openapi.json", "/static/ste.css", "/nothing"])
def test_whatever_is_no_api_is_asked_of_the_pages(gateway: Gateway, path: str) -> None:
    assert gateway.pages is not None
    gateway.pages.seen.clear()
    gateway.auth.seen.clear()
    gateway.client.get(path)
    assert ([seen["path"] for seen in gateway.pages.seen], gateway.auth.seen) == ([path], [])


def test_what_nobody_waits_for_any_more_is_ended(tmp_path: Path) -> None:
    """The gateway hangs up on the escalator when the client does: a simulation would go on for nobody."""
    with upstream() as service, running(tmp_path, service, others={"escalator": service.port}) as gateway:
        request = b"POST /api/escalations/long HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
        with raw(gateway, request):
            eventually(lambda: bool(service.seen), what="the request at the service")
        assert service.left.wait(20)


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/", "/tickets?q=x", "/tickets/42", "/login"])
def test_a_person_at_a_page_that_nobody_serves_reads_a_page(open_gateway: Open, path: str) -> None:
    answer = open_gateway().client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert "<h1>Unavailable for the moment</h1>" in answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    assert "{" not in answer.text
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_what_the_page_of_the_gateway_loads_is_there_when_no_service_is(gateway: Gateway) -> None:
    for name in ("refused.css", "icon.svg"):
        assert gateway.client.get(f"/api/docs/{name}").status_code == 200


@pytest.mark.parametrize(("path", "accept"), [("/tickets", "application/json"), ("/tickets", "*/*"), ("/api/tickets", BROWSER["Accept"])])
def test_a_program_reads_a_problem_wherever_it_asks(open_gateway: Open, path: str, accept: str) -> None:
    answer = open_gateway().client.get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, PROBLEM)
    assert answer.json()["instance"] == path


@pytest.mark.parametrize("path", ["/%22%3Cscript%3E", "/'x", "//evil.example/x", "/<b>", "/&quot;x"])
def test_nothing_that_was_asked_for_is_said_back_in_that_page(open_gateway: Open, path: str) -> None:
    with raw(open_gateway(), f"GET {path} HTTP/1.1\r\nHost: desk\r\nAccept: text/html\r\nConnection: close\r\n\r\n".encode()) as connection:
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert b"text/html" in head
    for word in (b"script>", b"evil", b"<b>", b"&quot;"):
        assert word not in body


def test_a_form_that_is_too_large_is_refused_in_a_page(gateway: Gateway) -> None:
    answer = gateway.client.post("/tickets/new", content=b"x" * 1_000_001, headers=BROWSER)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert "A request body may have up to 1 MB." in answer.text
