"""`ste doctor`: what is wrong with this desk, and how to mend it."""

import typer


def doctor() -> None:
    """Look at everything that can be wrong, and say how to mend what is.

    Versions, settings, disk, secrets, ports, the stores, and, when the desk is running, how each of its parts is.
    Ends with 0 when nothing is wrong (warnings may be), with 1 when something is.
    """
    from rich.console import Console
    from rich.markup import escape

    from deploy.checks import everything
    from deploy.refusal import Exit
    from deploy.settings import load

    console = Console(highlight=False, soft_wrap=True, emoji=False)
    marks = {"ok": "[green]ok  [/]", "warning": "[yellow]warn[/]", "bad": "[bold red]BAD [/]"}
    wrong = 0
    for finding in everything(load()):
        wrong += finding.level == "bad"
        console.print(f"{marks[finding.level]}  {escape(f'{finding.about:<14} {finding.what}')}")
        if finding.mend:
            console.print(f"      {'':<14} [dim]→ {escape(finding.mend)}[/]")
    console.print("Nothing is wrong." if not wrong else f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong.")
    if wrong:
        raise typer.Exit(Exit.WRONG)
