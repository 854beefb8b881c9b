"""`ste user`: accounts."""

import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Accounts.")


@app.command("create-admin")
def create_admin(
    name: Annotated[str | None, typer.Option(help="How the person is called; asked for when it is not given.")] = None,
    email: Annotated[str | None, typer.Option(help="What they sign in with; asked for when it is not given.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
    ] = False,
) -> None:
    """Open an account with the role admin: the first one, or one more.

    The password has 8 to 256 characters and is not a common one. It is asked for, never an argument: others can see those.
    """
    from deploy.operator import Operator
    from deploy.refusal import Refusal
    from deploy.settings import load

    with Operator.of(load()) as desk:
        if not sys.stdin.isatty() and not (password_stdin and name and email):
            mend = "Give --name, --email and --password-stdin, and pipe the password in."
            raise Refusal("There is no terminal to ask on.", mend)
        name = name or typer.prompt("Name")
        email = email or typer.prompt("E-mail")
        password = (
            sys.stdin.readline().rstrip("\r\n") if password_stdin else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        )
        user = desk.post("auth", "/internal/users/admin", {"name": name, "email": email, "password": password})
    typer.echo(f"{user['name']} <{user['email']}> is an admin and can sign in.")
