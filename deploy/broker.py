"""The broker's configuration: the template `nats.conf` filled in."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

USERS = ("auth", "tickets", "notifier", "escalator")


def configuration(*, port: int, monitor_port: int, store_dir: Path, passwords: Mapping[str, str], host: str = "127.0.0.1") -> str:
    """Return the text of a configuration for nats-server. `passwords` has one for each of `USERS`.

    Raises KeyError when one is missing, ValueError when the template and this function have drifted apart.
    """
    values = {"host": host, "port": str(port), "monitor_port": str(monitor_port), "store_dir": str(store_dir.absolute())}
    values.update((user, passwords[user]) for user in USERS)
    text = files("deploy").joinpath("nats.conf").read_text(encoding="utf-8")
    # every value stands inside quotes, so it is escaped as a string is
    filled = re.sub(r"\{\{(\w+)\}\}", lambda match: json.dumps(values.pop(match[1]))[1:-1], text)
    if values:
        raise ValueError(f"The template has no place for {', '.join(sorted(values))}.")
    return filled
