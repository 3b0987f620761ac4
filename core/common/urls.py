"""URLs of databases, brokers and stores in a form that may be shown: without their secrets."""

import re
from urllib.parse import unquote

SIGN_IN = re.compile(r"(?<=://).*@", re.DOTALL)  # up to the last @: a password may hold anything
SECRET = re.compile(r"([?&;][^=&;]*(?:pass|secret|key|token|credential|auth)[^=&;]*=)([^&;]*)", re.IGNORECASE)
SHORT = 3  # characters: shorter secrets are not masked, since they are in every text
KEY = 16  # characters: a user name of this length is an access key


def shown(url: str) -> str:
    """The URL without user, password and secret settings."""
    return SECRET.sub(r"\1***", SIGN_IN.sub("", url))


def said_of(url: str, error: object) -> str:
    """A library's message about the URL, on one line and without the URL's secrets.

    Libraries quote parts of the URL.
    """
    text = str(error).replace(url, shown(url)) if url else str(error)
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "***")
    return " ".join(text.split())


def _secrets(url: str) -> set[str]:
    """The URL's passwords, access keys and secret settings, as written and as decoded."""
    sign_in = sign_ins[0][:-1] if (sign_ins := SIGN_IN.findall(url)) else ""
    user, _, password = sign_in.partition(":")
    written = {password, *(value for _, value in SECRET.findall(url)), user if len(user) >= KEY else ""}
    return {text for secret in written for text in (secret, unquote(secret)) if len(text) >= SHORT}
