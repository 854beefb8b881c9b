"""How figures are told: as a table, as files, and as the page that keeps what a later run leaves out."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import docs
from benchmarks.figure import Bar, Figure, Plot, Series
from benchmarks.report import Report, Run
from benchmarks.svg import alternative, draw

CREATE = Figure(
    name="create.plain",
    group="rates",
    what="durable creation",
    unit="requests/s",
    rounds=[100, 300, 200],
    peer="plain FastAPI",
    peer_rounds=[200, 300, 800],
    bar=Bar(of="ratio", least=0.75),
)
READY = Figure(name="idle.ready", group="idle", what="time to ready", unit="s", rounds=[2.5], note="of a new desk")
BARS = Plot(
    name="create", group="rates", title="Creation", kind="bars", y="requests/s", series=[Series("median", [("desk", 200), ("<&>", 9)])]
)
LINES = Plot(
    name="growth",
    group="growth",
    title="Lists",
    kind="lines",
    y="ms",
    x="tickets",
    log_x=True,
    series=[Series("by status", [(1000, 1.0), (100_000, 1.2)]), Series("all", [(1000, 2), (100_000, 3)])],
)


def report(*figures: Figure, at: str = "2026-11-27T00:00:00+00:00", command: str = "c", **options: object) -> Report:
    run = Run(command=command, seed=1, machine={"machine": "m", "commit": "abc"}, taken_at=at)
    return Report(run=run, figures=figures, plots=[BARS], **options)  # type: ignore[arg-type] # `suites` and `missing`


def test_a_line_has_median_spread_peer_ratio_and_bar() -> None:
    line = "| durable creation | requests/s | 200 | 100–300 | plain FastAPI | 300 | 0.50 | ≥ 0.75 \u00d7 | no |"  # noqa: RUF001
    assert line in report(CREATE).markdown()


def test_a_peer_that_is_not_here_leaves_its_place_empty_and_says_so() -> None:
    page = report(replace(CREATE, peer_rounds=()), missing={"peers": "no index"}).markdown()
    assert "| plain FastAPI (not here) |  |  | ≥ 0.75 \u00d7 | ? |" in page
    assert "*peers* was not measured: no index" in page


def test_a_report_is_written_as_json_markdown_and_plots(tmp_path: Path) -> None:
    target = report(CREATE, READY).write(tmp_path)
    data = json.loads((target / "figures.json").read_text())
    assert [(each["name"], each["median"]) for each in data["figures"]] == [("create.plain", 200), ("idle.ready", 2.5)]
    assert "of a new desk" in (target / "figures.md").read_text()
    assert (target / "create.svg").read_text().startswith("<svg")


def test_the_page_keeps_the_figures_that_a_later_run_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = tmp_path / "steps.md"
    steps.write_text("- one fsync where there were *seven*\n")
    monkeypatch.setattr(docs, "STEPS", steps)
    gone = replace(READY, name="idle.gone", what="what is no longer measured")
    suites = {"create.plain": "create", "create": "create", "idle.ready": "idle", "idle.gone": "idle"}
    docs.write_docs(report(CREATE, READY, gone, command="first", suites=suites, missing={"idle": "slow"}), tmp_path)
    again = report(replace(READY, rounds=[4.5]), at="2026-11-28T00:00:00+00:00", command="second", suites={"idle.ready": "idle"})
    docs.write_docs(replace(again, plots=[]), tmp_path)
    page = (tmp_path / "performance.md").read_text()
    assert "| durable creation | requests/s | 200 |" in page
    assert "| time to ready | s | 4.50 |" in page
    assert "2.50" not in page
    assert "no longer measured" not in page
    assert "slow" not in page
    assert "`first`" in page
    assert "`second`" in page
    assert "- one fsync where there were *seven*" in page
    assert "](performance/create.svg)" in page
    assert (tmp_path / "performance" / "create.svg").exists()


@pytest.mark.parametrize("plot", [BARS, LINES])
def test_a_plot_is_valid_and_says_in_words_what_it_shows(plot: Plot) -> None:
    drawn = ET.fromstring(draw(plot))
    names = [element.tag.rpartition("}")[2] for element in drawn.iter()]
    description = next(element.text for element in drawn.iter() if element.tag.endswith("desc"))
    assert description == alternative(plot)
    assert names.count("rect" if plot.kind == "bars" else "circle") >= sum(len(series.points) for series in plot.series)


def test_what_a_plot_shows_in_words_has_every_number() -> None:
    assert alternative(LINES) == "Lists (ms by tickets). by status: 1,000: 1, 100,000: 1.20; all: 1,000: 2, 100,000: 3."


def test_a_longer_bar_is_a_larger_number() -> None:
    bars = [element for element in ET.fromstring(draw(BARS)).iter() if element.tag.endswith("rect") and "fill" in element.attrib]
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert widths[0] == pytest.approx(widths[1] * 200 / 9, abs=1)


def test_lines_that_fall_end_lower_than_they_begin() -> None:
    falling = replace(LINES, series=[Series("s", [(1, 9.0), (10, 5.0), (100, 2.0)])])
    marks = [element for element in ET.fromstring(draw(falling)).iter() if element.tag.endswith("circle")]
    heights = [float(mark.attrib["cy"]) for mark in marks]
    places = [float(mark.attrib["cx"]) for mark in marks]
    assert heights == sorted(heights)
    assert places == sorted(places)
