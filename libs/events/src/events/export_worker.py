"""A process that checks parts of an export for another: `python -m events.export_worker`, started by `events.export_files`.

Asked with a file, an offset and a length, where whole lines stand, it answers with [how many lines, what they hold of each source, and
the first that is wrong, as [its number among them, why], or null].
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

from events.export_pieces import Pieces
from events.export_runs import Run
from events.exported import Lines, Wrong
from events.working import answer_each


def check(block: bytes, pieces: Pieces) -> tuple[Lines, Wrong | None]:
    """Check the lines of a part of a file; the beginning of a line, at its end, is not looked at."""
    lines = Lines(pieces)
    try:
        lines.take(block)
    except Wrong as wrong:
        return lines, wrong
    return lines, None


def dumped(lines: Lines, wrong: Wrong | None) -> list[Any]:
    """Return what was found as plain values."""
    runs = {source: run.dump() for source, run in lines.runs.items()}
    return [lines.count, runs, None if wrong is None else (wrong.line, wrong.reason)]


def loaded(values: Sequence[Any]) -> tuple[Lines, Wrong | None]:
    """Return what was dumped."""
    count, runs, wrong = values
    lines = Lines()
    lines.count = count
    lines.runs = {source: Run.load(run) for source, run in runs.items()}
    return lines, None if wrong is None else Wrong(*wrong)


def main() -> None:
    """Work until nothing more is asked for."""
    files, pieces = dict[str, BinaryIO](), Pieces()

    def work(asked: Sequence[Any]) -> Any:
        path, offset, length = asked
        if path not in files:
            files[path] = open(path, "rb")  # noqa: PTH123, SIM115 -- it stays open until the process ends
        files[path].seek(offset)
        return dumped(*check(files[path].read(length), pieces))

    answer_each(work)


if __name__ == "__main__":
    main()
