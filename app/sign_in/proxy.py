"""Sign-in by a proxy in front of the dashboard (oauth2-proxy, Authelia, an ingress): it says in a header who asks.

Anybody can send a header, so it counts only from the addresses in `SHOWDOWN_PROXIES`. cli.up starts the server such that the
address of a connection is its real one, whatever `X-Forwarded-For` says.
"""

import time
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

from app.sign_in.users import User, clean_name, is_allowed
from core.errors import SetupError
from core.settings import settings


@cache
def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The addresses and networks of a list with commas. SetupError names the setting where one is neither."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    try:
        return tuple(ip_network(entry) for entry in entries)
    except ValueError:
        raise SetupError(
            "SHOWDOWN_PROXIES is not a list of addresses and networks with commas between, such as 10.0.0.5, 10.1.0.0/16"
        ) from None


def is_trusted(address: str) -> bool:
    """Whether a connection from this address is the proxy's."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks(settings().proxies))


def address_of(request: HTTPConnection) -> str:
    """Whose request it is: the connection's address, or what a trusted proxy says of it (the last of `X-Forwarded-For`)."""
    address = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For")).rpartition(",")[2].strip()
    return forwarded if forwarded and is_trusted(address) else address


def user_of(request: HTTPConnection) -> User | None:
    """Whom the proxy names; None for another sender, no name or several."""
    if request.client is None or not is_trusted(request.client.host):
        return None
    values = request.headers.getlist(settings().user_header)
    name = clean_name(values[0].encode("latin-1").decode("utf-8", "replace")) if len(values) == 1 else ""
    if not name:
        return None
    allowed = not settings().allowed or is_allowed(name, settings().allowed)
    return User(name, "", time.time() + 3600 * settings().session_hours, allowed)
