"""How the load is put on, and how its tool is read."""

import pytest

from benchmarks.load import Load, Outcome, read_wrk

WRK = """Running 3s test @ http://127.0.0.1:1/api/tickets
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.47ms    1.02ms  24.92ms   92.04%
    Req/Sec     9.27k   518.55     9.93k    83.33%
  27663 requests in 3.00s, 9.55MB read
  Non-2xx or 3xx responses: 663
Requests/sec:   9221.00
Transfer/sec:      3.18MB
"""


def test_wrks_report_is_read_without_what_failed() -> None:
    assert read_wrk(WRK) == Outcome(rate=9000, failed=663)
    assert read_wrk("600 requests in 1.00m, 1MB read") == Outcome(rate=10, failed=0)


def test_other_text_is_no_report() -> None:
    with pytest.raises(ValueError, match="wrk"):
        read_wrk("unable to connect")


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "http://desk.example/api/tickets", "http://localhost.example/"])
def test_no_load_leaves_this_machine(url: str) -> None:
    with pytest.raises(ValueError, match="this machine"):
        Load(url=url)


@pytest.mark.parametrize(("seconds", "connections"), [(61, 1), (0, 1), (1, 257), (1, 0)])
def test_load_is_bounded(seconds: float, connections: int) -> None:
    with pytest.raises(ValueError, match="At most"):
        Load(url="http://127.0.0.1/", seconds=seconds, connections=connections)
