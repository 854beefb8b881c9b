"""`ste jobs`: what the notifier has done and is to do."""

from typing import Annotated, Any

import typer

from deploy.commands.commands import Commands
from deploy.times import second
from deploy.usage import identifier

app = Commands(help="The notifier's jobs: what it tells people, and later mail and webhooks.")


@app.command("list")
def list_jobs(
    status: Annotated[str | None, typer.Option(help="Only queued, processing, succeeded, dead or unknown ones.")] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Only jobs of this type.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many.")] = 25,
) -> None:
    """List jobs, the newest first."""
    from deploy.operator import Operator
    from deploy.settings import load
    from deploy.tables import show

    query: dict[str, str | int] = {"limit": limit} | {name: value for name, value in (("status", status), ("type", kind)) if value}
    with Operator.of(load()) as desk:
        jobs = desk.get("notifier", "/internal/jobs", **query)["items"]
    show(["id", "type", "status", "tries", "runs at", "last error"], [_row(job) for job in jobs], empty="There are no such jobs.")


def _row(job: Any) -> list[str]:
    tries = f"{job['attempts']} of {job['max_attempts']}"
    return [job["id"], job["type"], job["status"], tries, second(job["run_at"]), str(job["last_error"] or "")]


@app.command("retry")
def retry(job: Annotated[str, typer.Argument(parser=identifier, metavar="ID", help="The job's id, from ste jobs list.")]) -> None:
    """Queue a dead job again. It is noted in the audit trail."""
    from deploy.operator import Operator
    from deploy.settings import load

    with Operator.of(load()) as desk:
        desk.post("notifier", f"/internal/jobs/{job}/retry")
    typer.echo(f"Job {job} is queued again.")
