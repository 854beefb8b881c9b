"""`ste user`: accounts."""

import sys
from typing import Annotated

import typer

from deploy.commands.commands import Commands
from deploy.times import second

app = Commands(help="Accounts.")


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


@app.command("erase")
def erase(
    who: Annotated[str, typer.Argument(metavar="ID", help="The person's id, from GET /api/auth/users, or their e-mail.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until every service is done.")] = True,
) -> None:
    """Erase a person for good: the account, and what is personal of them in everything that the desk keeps.

    Sessions and tokens end at once and the e-mail is free again. Names, addresses, titles, texts and notes on their tickets go from logs,
    journal, lists, search, inboxes and the broker, and every file is written anew. What happened stays provable: digests, numbers and times
    are kept, and that somebody was erased is an event. What others wrote about them elsewhere stays. It cannot be undone. A service that is
    down does its part when it is back.

    Backups, and what a restore put aside in replaced/, are whole desks that this does not reach: a restore erases again, but until
    you delete them they hold it all.

    Ends with 0 when every service is done, with 1 when one is not yet.
    """
    from deploy.erasing import follow
    from deploy.operator import Operator
    from deploy.refusal import Refusal
    from deploy.settings import load

    with Operator.of(load()) as desk:
        person = desk.get("auth", "/internal/users/find", who=who)
        if person["email"] is not None and not yes:
            if not sys.stdin.isatty():
                raise Refusal("There is no terminal to ask on.", "Give --yes if you mean it.")
            typer.echo(f"{person['name']} <{person['email']}>, {person['role']}, will be erased. This cannot be undone.")
            if typer.prompt("Their e-mail, to confirm").strip().casefold() != person["email"].casefold():
                raise Refusal("That is another e-mail. Nothing was done.")
        erased = desk.post("auth", f"/internal/users/{person['id']}/erase")
        typer.echo(f"{person['id']} is erased since {second(erased['erased_at'])}.")
        if wait:
            follow(desk, person["id"])


@app.command("reset-two-factor")
def reset_two_factor(
    who: Annotated[str, typer.Argument(metavar="ID", help="The person's id, from GET /api/auth/users, or their e-mail.")],
) -> None:
    """Turn off two-factor sign-in for somebody who lost telephone and recovery codes, the last admin too.

    Their sessions end, API tokens stay, and the audit tells of it. The password is enough again: be sure that it is they who ask, and let
    them turn it on anew.
    """
    from deploy.operator import Operator
    from deploy.refusal import Refusal
    from deploy.settings import load

    with Operator.of(load()) as desk:
        person = desk.get("auth", "/internal/users/find", who=who)
        if not desk.post("auth", f"/internal/users/{person['id']}/reset-two-factor")["was_on"]:
            raise Refusal(f"Two-factor sign-in of {person['name']} <{person['email']}> is not on.", "Their password is all that they need.")
    typer.echo(f"{person['name']} <{person['email']}> signs in with the password alone; their sessions have ended.")
