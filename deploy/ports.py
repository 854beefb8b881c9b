"""Ports of the desk's own, found so that two desks on one machine do not meet."""

import errno
import random
import socket

from deploy.refusal import Refusal

QUIET = range(20000, 32000)
"""Below the ports that systems hand to outgoing connections: one of those could hold ours at the moment in which a service restarts."""


def free_ports(count: int) -> list[int]:
    """Return different loopback ports that nobody listens on. Raises Refusal when there are not so many."""
    found: list[int] = []
    for port in random.sample(QUIET, len(QUIET)):
        if is_free("127.0.0.1", port):
            found.append(port)
            if len(found) == count:
                return found
    raise Refusal("There are no free ports between 20000 and 32000 on the loopback address.", "End what holds them.")


def is_free(address: str, port: int) -> bool:
    """Return whether one could listen there now. Raises OSError when the address itself is not ours or not allowed."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()  # binding alone succeeds beside a listener that allows it
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def require_free(address: str, port: int) -> None:
    """Raise Refusal, in words for the person who starts the desk, unless the gateway can listen there."""
    mend = "Choose another with STE_PORT, as in: STE_PORT=9090 make run"
    if not 0 < port < 65536:
        raise Refusal(f"{port} is no port: they go from 1 to 65535.", mend)
    try:
        if is_free(address, port):
            return
    except PermissionError:
        raise Refusal(f"Port {port} may not be used by this account: ports below 1024 are the administrator's.", mend) from None
    except OSError as error:
        raise Refusal(
            f"The desk can not listen on {address} port {port}: {error.strerror}.", "STE_BIND and STE_PORT say where it does."
        ) from None
    raise Refusal(f"Port {port} on {address} is in use by another program.", mend)
