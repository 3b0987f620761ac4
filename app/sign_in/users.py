"""A signed-in user, and whether the operator lets them in. Roles will be fields of `User`."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

MAX_NAME_LENGTH = 200  # the column `by` of a run's events
EVERYBODY = "*"


@dataclass(frozen=True)
class User:
    """Who sends a request.

    Attributes:
        name: What is recorded and shown: an e-mail address, or the name that was typed or that a proxy gave.
        session: A digest of the cookie, to end this sign-in by; "" where a proxy keeps the session.
        expires_at: Unix time at which the sign-in ends.
        allowed: Whether `SHOWDOWN_ALLOWED_USERS` lets them in.
    """

    name: str
    session: str
    expires_at: float
    allowed: bool = True


def is_allowed(name: str, allowed_users: Collection[str]) -> bool:
    """Whether a name is listed, itself or by its domain (`@example.com`).

    `allowed_users` are in lower case.
    """
    name = name.lower()
    _, separator, domain = name.rpartition("@")
    return (
        EVERYBODY in allowed_users
        or name in allowed_users
        or bool(separator)
        and f"@{domain}" in allowed_users
    )


def clean_name(text: str) -> str:
    """A name on one line, of at most 200 characters; "" where nothing is left.

    It has no control characters, and one blank between words.
    """
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:MAX_NAME_LENGTH].strip()


def digest(*cookies: str) -> str:
    """The SHA-256 of a sign-in's cookies: identifies the sign-in, but cannot be used to sign in."""
    return hashlib.sha256("\n".join(cookies).encode()).hexdigest()
