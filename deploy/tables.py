"""Tables for people, and tab-separated lines for programs that read them."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deploy.words import plain


def show(titles: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print a table to a terminal; anywhere else one line a row, the fields apart by tabs; `empty` if there are no rows.

    A field may be what somebody wrote: it is printed without what a terminal would obey.
    """
    rows = [[plain(field) for field in row] for row in rows]
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(field.replace("\t", " ").replace("\n", " ") for field in row))
        return
    if not rows:
        print(empty)
        return
    table = Table(box=None, pad_edge=False)
    for index, title in enumerate(titles):
        # the first names the row, and is what the next command is given: it is never cut off, the others break their lines instead
        least = max(len(row[0]) for row in rows) if index == 0 else None
        table.add_column(title, overflow="fold", no_wrap=index == 0, min_width=least)
    for row in rows:
        table.add_row(*map(escape, row))
    Console(highlight=False, emoji=False).print(table)
