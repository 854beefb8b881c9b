"""`ste import`: the history of another desk, with its original times."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Self

import typer

from deploy.commands.commands import Commands

if TYPE_CHECKING:
    from deploy.importing.history import Broken, Change
    from deploy.importing.sending import Result, Sending, Step
    from deploy.importing.spool import Spool

app = Commands(
    help="Bring in the history of another desk, with its original times.",
    epilog="Everything goes through the running desk and becomes events like any others, marked as imported: they notify nobody, and no "
    "deadline fires for a ticket until somebody opens it again. People get accounts that cannot sign in. What is in already is not added "
    "again, so an import that was interrupted is simply begun anew and goes on where it was. docs/import.md has the formats and the rules.",
)

_WORD_EVERY = 5.0
_READ_AT_ONCE = 1000


def _as_source(text: str) -> str:
    if not re.fullmatch("[a-z0-9][a-z0-9._-]{0,63}", text):
        raise typer.BadParameter("It has up to 64 small letters, digits, dots, _ and -, and begins with a letter or digit.")
    return text


Verbose = Annotated[
    bool, typer.Option("--verbose", help="Name every row that does not go in, or not as it stands: not just the first ten of a kind.")
]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The file to read.")]
Source = Annotated[
    str,
    typer.Option(
        callback=_as_source,
        help="What the history comes from, in lower case: rows and people are known by their names within it. Another desk, another name.",
    ),
]


@app.command("servicenow")
def servicenow(
    file: File,
    source: Source = "servicenow",
    verbose: Verbose = False,
    zone: Annotated[str, typer.Option(help="The time zone of the file's times, which name none; as in Europe/Berlin.")] = "UTC",
) -> None:
    """Bring in a ServiceNow incident log, a CSV file with one row for each change of an incident.

    At [bold]opened_at[/] the ticket is opened by its [bold]caller_id[/].
    At [bold]sys_updated_at[/] each row says, by [bold]sys_updated_by[/], who has the ticket,
    how urgent it is, and in which state; [bold]?[/] is nobody.
    Rows are taken in the order of time, then of the file.

    A row that cannot be read is reported with its line, and the rest goes in.
    Ends with 0 when every row is in, with 1 when some are not.
    """
    from deploy.importing import servicenow as form

    where = _zone(zone)
    _import(file, source, lambda opened: form.read(opened, where), verbose=verbose)


@app.command("jsonl")
def jsonl(file: File, source: Source = "jsonl", verbose: Verbose = False) -> None:
    """Bring in history as JSON lines, from any other source; docs/import.md has the format.

    Each line is a JSON object that says what somebody did to a ticket, and when.
    This one opens a ticket, and the next resolves it:

    [bold]{"number": "7", "at": "2016-02-29T01:23:00Z", "by": "Ada", "title": "No tea"}[/]

    [bold]{"number": "7", "at": "2016-02-29T08:53:00Z", "by": "Ben", "status": "resolved"}[/]

    A line that cannot be read is reported, and the rest goes in.
    Ends with 0 when every line is in, with 1 when some are not.
    """
    from deploy.importing import jsonl as form

    _import(file, source, form.read, verbose=verbose)


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    from deploy.refusal import Refusal

    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        mend = "Name one as in Europe/Berlin; this machine's are in the package tzdata."
        raise Refusal(f"There is no time zone {name!r} on this machine.", mend) from None


def _import(file: Path, source: str, read: "Callable[[IO[bytes]], Iterator[Change | Broken]]", *, verbose: bool) -> None:
    from deploy.importing.history import Unreadable
    from deploy.importing.sending import Sending
    from deploy.importing.spool import Spool
    from deploy.operator import Operator
    from deploy.refusal import Exit, Refusal
    from deploy.settings import load

    with Operator.of(load()) as desk, Spool() as spool, _Shown(everything=verbose) as shown:
        sending = Sending(desk=desk, source=source, report=shown.report, away=shown.away)
        try:
            with file.open("rb") as opened:
                sending.result.broken = _fill(spool, read(opened), shown)
        except Unreadable as error:
            raise Refusal(f"{file} cannot be imported: {error}.", "docs/import.md says what it must look like.") from None
        seconds = _send(sending, spool, shown, _digest_of(file))
    _summarise(file, sending.result, seconds)
    if sending.result.broken:
        raise typer.Exit(Exit.WRONG)


def _digest_of(file: Path) -> str | None:
    """Return the SHA-256 of a file in hex; None for a pipe, which can be read only once."""
    from deploy.backups.manifest import sha256_of

    return sha256_of(file) if file.is_file() else None


def _send(sending: "Sending", spool: "Spool", shown: "_Shown", digest: str | None) -> float:
    """Send everything; return how many seconds that took. The desk has an entry of it in the audit, however it ends. Raises Refusal."""
    from deploy.refusal import Refusal

    changes, people = spool.counts()
    began = time.monotonic()
    try:
        sending.people(spool.people(), shown.begin("people", people))
        sending.changes(spool.changes(), shown.begin("rows", changes))
    except KeyboardInterrupt:
        shown.say("The import was interrupted. The same command goes on where it was.")
        with suppress(Refusal):
            sending.note(digest, complete=False)
        raise
    except Refusal:
        with suppress(Refusal):
            sending.note(digest, complete=False)
        raise
    seconds = time.monotonic() - began
    sending.note(digest, complete=True)
    return seconds


def _fill(spool: "Spool", items: "Iterator[Change | Broken]", shown: "_Shown") -> int:
    """Put all changes into the spool; return how many rows were broken."""
    from deploy.importing.history import Broken

    step, now, broken = shown.begin("reading", None), datetime.now(UTC), 0
    for count, item in enumerate(items, 1):
        reason = item.reason if isinstance(item, Broken) else item.flaw(now)
        if reason is not None:
            broken += 1
            shown.report(item.line, reason)
        elif not isinstance(item, Broken):
            spool.add(item)
        if count % _READ_AT_ONCE == 0:
            step(_READ_AT_ONCE)
    shown.finish()
    return broken


def _summarise(file: Path, result: "Result", seconds: float) -> None:
    rate = f", {result.events / seconds:,.0f} a second" if result.events and seconds else ""
    typer.echo(f"{_many(result.rows, 'row')} of {_many(len(result.tickets), 'ticket')} brought in: {_many(result.events, 'event')}{rate}.")
    typer.echo(f"{_many(result.people, 'account')} opened, for people who can not sign in.")
    if result.known:
        typer.echo(f"{_many(result.known, 'row')} had been brought in before.")
    if result.raised:
        typer.echo(f"{_many(result.raised, 'row')} stood before the opening of their tickets, and were raised to it.")
    if result.broken:
        typer.echo(f"{_many(result.broken, 'row')} of {file} could not be brought in; what is said above tells which and why.", err=True)


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class _Shown:
    """Shows on standard error how far it is: as bars, or, where nobody watches, as a line now and then."""

    def __init__(self, *, everything: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        from deploy.importing.reporting import Reports

        columns = (TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False, markup=False)
        self._progress = Progress(*columns, console=self._console, disable=not sys.stderr.isatty())
        self._reports = Reports(self._console.print, everything=everything)
        self.report = self._reports.report
        self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        for line in (rest := self._reports.rest()):
            self._console.print(line)
        if rest:
            self._console.print("--verbose names each of them.")
        self._progress.stop()

    def begin(self, what: str, total: int | None) -> "Step":
        """Return what is called with each number of steps that was done."""
        task = self._progress.add_task(what, total=total)
        done = 0

        def step(count: int) -> None:
            nonlocal done
            done += count
            self._progress.advance(task, count)
            if self._progress.disable and time.monotonic() - self._spoke > _WORD_EVERY:
                self._spoke = time.monotonic()
                self._console.print(f"{what}: {done:,}{f' of {total:,}' if total is not None else ''}")

        return step

    def finish(self) -> None:
        """Show that what has no total known beforehand is done."""
        for task in self._progress.tasks:
            self._progress.update(task.id, total=task.completed if task.total is None else task.total)

    def away(self, what: str) -> None:
        """Say that a service is waited for."""
        self.say(f"{what} It is waited for.")

    def say(self, what: str) -> None:
        """Say something that is about no row."""
        self._console.print(f"ste: {what}")
