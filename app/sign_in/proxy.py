"""Sign-in by a proxy in front of the dashboard, which names the user in a header.

Such proxies are oauth2-proxy, Authelia or an ingress. Anybody can send a header, so it counts only from
the addresses in `SHOWDOWN_PROXIES`. cli.server.up starts the server such that the address of a connection
is its real one, whatever `X-Forwarded-For` says.
"""

import time
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

from app.sign_in.users import User, clean_name, is_allowed
from core.common.errors import SetupError
from core.common.settings import settings


@cache
def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The addresses and networks of a comma-separated list.

    Raises SetupError, which names the setting, where an entry is neither.
    """
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
    """The address of a request's sender: the connection's, or the one that a trusted proxy gives.

    A proxy gives it as the last of `X-Forwarded-For`.
    """
    address = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For")).rpartition(",")[2].strip()
    return forwarded if forwarded and is_trusted(address) else address


def user_of(request: HTTPConnection) -> User | None:
    """The user whom the proxy names; None for another sender, no name or several."""
    if request.client is None or not is_trusted(request.client.host):
        return None
    values = request.headers.getlist(settings().user_header)
    name = clean_name(values[0].encode("latin-1").decode("utf-8", "replace")) if len(values) == 1 else ""
    if not name:
        return None
    allowed = not settings().allowed or is_allowed(name, settings().allowed)
    return User(name, "", time.time() + 3600 * settings().session_hours, allowed)
