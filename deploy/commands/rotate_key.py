"""`ste audit rotate-key`: another key for a store's checkpoints."""

from typing import Annotated

import typer

from deploy.usage import service_named

Service = Annotated[str, typer.Argument(callback=service_named, help="auth, tickets, notifier or escalator.")]


def rotate_key(service: Service) -> None:
    """Give a service a new signing key, which the old one vouches for. The desk must not run.

    Witnesses, and whoever trusts the old key, follow the signed record to the new one; earlier checkpoints and proof files stay valid.
    Keep the secrets of the backups from before: their stores were signed with the old key.
    """
    from chassis.database import StoreInUse, held
    from chassis.secrets import SecretLost
    from chassis.signing import rotate
    from deploy.refusal import Refusal
    from deploy.settings import load

    settings, name = load(), service
    if not (settings.secrets_dir / f"signing-{name}").exists():
        raise Refusal(f"{name} has no key in {settings.secrets_dir} yet.", "Start the desk once, or name its directory with STE_DATA_DIR.")
    try:
        with held(settings.data_dir, name, exclusive=True):
            keys = rotate(settings.secrets_dir, name)
    except StoreInUse as used:
        raise Refusal(str(used), "Stop the desk first.") from None
    except SecretLost as lost:
        raise Refusal(str(lost)) from None
    typer.echo(f"{name} signs with {keys.all[-1]} from now on; {keys.all[-2]} has handed over to it.")
