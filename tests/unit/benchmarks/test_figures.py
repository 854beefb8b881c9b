"""How figures are read and told."""

import json
from pathlib import Path

import pytest

from benchmarks.figures import Rate
from benchmarks.load import Load, Outcome, read_wrk
from benchmarks.report import Report, percentile

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


def report() -> Report:
    rate = Rate("create", desk=[100, 300, 200], plain=[200, 300, 800], gateway=[50, 60, 70])
    return Report(command="c", rates=[rate], clicks=[0.001, 0.002, 0.1], memory={"auth": 40.4, "broker": 20.4}, starts=[3.0, 1.0, 2.0])


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


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent: int, value: int) -> None:
    assert percentile(range(1, 101), percent) == value


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="Nothing"):
        percentile([], 50)


def test_the_ratio_is_the_median_of_the_ratios_within_the_runs() -> None:
    line = report().lines()[0]
    assert (line.desk, line.plain, line.ratio) == ("200", "300", "0.50")


def test_memory_is_told_by_process_and_in_all() -> None:
    told = {line.what: line.desk for line in report().lines()}
    assert told["idle memory (PSS), auth"] == "40 MiB"
    assert told["idle memory (PSS), all processes"] == "61 MiB"
    assert told["time to ready, first start"] == "2.0 s"
    assert told["click to notification, p50"] == "2.0 ms"


def test_a_report_is_written_as_json_and_markdown(tmp_path: Path) -> None:
    made = report()
    made.write(tmp_path)
    (data,) = tmp_path.glob("*.json")
    assert json.loads(data.read_text())["rates"][0]["desk"] == [100, 300, 200]
    (page,) = tmp_path.glob("*.md")
    assert "| create, requests/s | 200 | 300 | 0.50 |" in page.read_text()
    made.write_docs(tmp_path / "docs" / "performance.md")
    assert (tmp_path / "docs" / "performance.md").read_text().startswith("# What it costs")
