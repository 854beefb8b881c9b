"""`ste`, run in this process: for what it says before it asks a desk."""

from typer.testing import CliRunner

from deploy.cli import app


def said(*arguments: str) -> tuple[int, str]:
    """Return the exit code of a command, and what it printed as one line, without the frame around an error."""
    answer = CliRunner().invoke(app, arguments)
    return answer.exit_code, " ".join(answer.output.replace("│", " ").split())
