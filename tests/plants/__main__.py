"""`make plants`: plant one fault after the other into a copy of the tree, and see whether the suite catches it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.machine import describe
from tests.plants.plants import PLANTS, Plant

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "proof" / "plants.json"
_SOURCES = ("libs/events/src", "libs/chassis/src", *(f"services/{name}/src" for name in ("auth", "tickets", "notifier", "escalator")))
_LONGEST = 300  # seconds that the tests of one plant may take
_CAUGHT = 1  # pytest's exit code when tests failed

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`by` is the first test that failed, or what was the matter."""

    plant: str
    caught: bool
    by: str


@app.command()
def main(
    only: Annotated[str, typer.Option(help="Plant those alone in whose name this stands.")] = "",
    missing: Annotated[bool, typer.Option("--missing", help="Plant those alone that the table does not have as caught.")] = False,
    write_docs: Annotated[bool, typer.Option("--write-docs", help="Also write docs/proof/plants.json, which `make faults` shows.")] = False,
) -> None:
    """Plant faults into a copy of the tree, one at a time. Ends with 1 when one is not caught, 2 when the tests fail without any."""
    console = Console()
    caught = {name for name, row in _table_of_before().items() if missing and row["caught"]}
    chosen = [plant for plant in PLANTS if only in plant.name and plant.name not in caught]
    with tempfile.TemporaryDirectory(prefix="ste-plants-") as directory:
        tree = Path(directory) / "tree"
        _copy(tree)
        with console.status("the tests without any fault"):
            healthy = _run(tree, sorted({test for plant in chosen for test in plant.tests}))
        if healthy is not None:
            console.print(f"They fail without any fault: {healthy}")
            raise typer.Exit(2)
        outcomes = []
        for plant in chosen:
            with console.status(plant.name):
                outcomes.append(_try(tree, plant))
            console.print(f"{'caught' if outcomes[-1].caught else 'NOT CAUGHT'}: {plant.name} ({outcomes[-1].by})")
            if write_docs:
                TABLE.parent.mkdir(exist_ok=True)
                TABLE.write_text(json.dumps(_rows(outcomes), indent=1) + "\n", encoding="utf-8")
    console.print(_table(outcomes))
    raise typer.Exit(0 if all(one.caught for one in outcomes) else 1)


def _table_of_before() -> dict[str, dict[str, object]]:
    """Return the rows that were written last, by the names of their plants."""
    return {row["plant"]: row for row in json.loads(TABLE.read_text(encoding="utf-8"))} if TABLE.exists() else {}


def _rows(outcomes: list[Outcome]) -> list[dict[str, object]]:
    """Return the rows of the table, those that were not planted now as they were."""
    known = _table_of_before()
    commit = describe()["commit"]
    known |= {one.plant: {"plant": one.plant, "caught": one.caught, "by": one.by, "commit": commit} for one in outcomes}
    return [known[plant.name] for plant in PLANTS if plant.name in known]


def _copy(tree: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, listed):
        if (ROOT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def _try(tree: Path, plant: Plant) -> Outcome:
    file = tree / plant.file
    sound = file.read_text(encoding="utf-8")
    if sound.count(plant.sound) != 1:
        raise typer.BadParameter(f"{plant.name}: {plant.file} has changed; the plant must follow it.")
    file.write_text(sound.replace(plant.sound, plant.rotten), encoding="utf-8")
    try:
        failed = _run(tree, plant.tests)
    finally:
        file.write_text(sound, encoding="utf-8")
    return Outcome(plant.name, failed is not None, failed or "nobody")


def _run(tree: Path, tests: tuple[str, ...] | list[str]) -> str | None:
    """Run the tests until one fails, and return its name; None when none does."""
    sources = os.pathsep.join(str(tree / name) for name in ("", *_SOURCES))
    environment = {**os.environ, "PYTHONPATH": sources, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", *tests]
    try:
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=_LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return "it never ended"
    if done.returncode == 0:
        return None
    if done.returncode != _CAUGHT:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    found = re.search(r"^(?:FAILED|ERROR) \S+?::(\S+)", done.stdout, re.MULTILINE)
    return found[1].partition("[")[0] if found else "a test"


def _table(outcomes: list[Outcome]) -> Table:
    table = Table("planted", "caught", "by")
    for one in outcomes:
        table.add_row(one.plant, "yes" if one.caught else "NO", one.by)
    return table


if __name__ == "__main__":
    app()
