"""`ste user`: accounts."""

import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Accounts.")


@app.command("create-admin")
def create_admin(
    name: Annotated[str, typer.Option(prompt=True, help="How the person is called.")],
    email: Annotated[str, typer.Option(prompt="E-mail", help="What they sign in with.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
    ] = False,
) -> None:
    """Open an account with the role admin: the first one, or one more.

    The password has 8 to 256 characters and is not a common one. It is asked for, never an argument: others can see those.
    """
    from deploy.operator import Operator
    from deploy.settings import load

    with Operator.of(load()) as desk:
        password = (
            sys.stdin.readline().rstrip("\r\n") if password_stdin else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        )
        user = desk.post("auth", "/internal/users/admin", {"name": name, "email": email, "password": password})
    typer.echo(f"{user['name']} <{user['email']}> is an admin and can sign in.")
