"""Whom a request comes from on the network: the visitor behind the gateway, or one of our own with a credential.

The gateway strips every `X-Ste-*` header from outside and refuses `/internal`; a service believes those headers only beside the secret.
"""

import hmac
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection, Request

from chassis.service import running
from chassis.settings import Networks
from events.errors import NotPermitted

CREDENTIAL = "x-ste-credential"
ADDRESS = "x-ste-address"
CHECKED = "x-ste-checked"


def _carries(request: HTTPConnection, *names: str) -> bool:
    sent = request.headers.get(CREDENTIAL, "").encode("latin-1")
    secrets = running(request).secrets
    return bool(sent) and any(hmac.compare_digest(sent, secrets[name].encode()) for name in names)


def vouched_for(request: HTTPConnection) -> bool:
    """Whether one of our own has checked that the request comes from our pages."""
    return request.headers.get(CHECKED) == "same-origin" and _carries(request, "services")


def client_address(request: HTTPConnection) -> str:
    """Return the visitor's IP address as text, "" when it is unknown.

    The gateway's X-Forwarded-For is read from its end, past the proxies that the operator trusts; anybody else's is not read at all.
    """
    if ADDRESS in request.headers and _carries(request, "services"):
        return _normal(request.headers[ADDRESS]) or ""
    peer = _normal(request.client.host) if request.client else None
    settings = running(request).settings
    if peer is None or not _within(peer, settings.gateways):
        return peer or ""
    for hop in reversed(",".join(request.headers.getlist("x-forwarded-for")).split(",")):
        address = _normal(hop)
        if address is None:
            break
        peer = address
        if not _within(address, settings.trusted_proxies):
            break
    return peer


def neighbourhood(address: str) -> str:
    """Return what a limit per address counts by: the address, or its /64 for IPv6, of which anyone has as many addresses as they like."""
    found = _parsed(address)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address


@lru_cache(maxsize=4096)
def _parsed(text: str) -> object | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _normal(text: str) -> str | None:
    found = _parsed(text)
    return None if found is None else str(found).partition("%")[0]


def _within(address: str, networks: Networks) -> bool:
    found = _parsed(address)
    return any(found in network for network in networks)


def _credential_check(*names: str) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        if not _carries(request, *names):
            raise NotPermitted("This door is for the desk's own services.")

    return check


peers_only = _credential_check("services")
operator_only = _credential_check("operator")
ours_only = _credential_check("services", "operator")
"""Dependencies of `/internal` routes: a service, the operator's `ste`, or either. They raise NotPermitted."""
