"""URLs of databases, brokers and stores as they may be said: without what they keep secret. Called by whoever names one."""

import re
from urllib.parse import unquote

SIGN_IN = re.compile(r"(?<=://).*@", re.DOTALL)  # up to the last @: a password may hold anything
SECRET = re.compile(r"([?&;][^=&;]*(?:pass|secret|key|token|credential|auth)[^=&;]*=)([^&;]*)", re.IGNORECASE)
SHORT, KEY = 3, 16  # characters: what is shorter is in every text; a user that is as long is an access key


def shown(url: str) -> str:
    """The URL without user, password and secret settings."""
    return SECRET.sub(r"\1***", SIGN_IN.sub("", url))


def said_of(url: str, error: object) -> str:
    """A library's message about the URL, on one line and without what the URL keeps secret: libraries quote parts of it."""
    text = str(error).replace(url, shown(url)) if url else str(error)
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = text.replace(secret, "***")
    return " ".join(text.split())


def _secrets(url: str) -> set[str]:
    """What of the URL must not be said: passwords, access keys and secret settings, as written and as meant."""
    sign_in = found[0][:-1] if (found := SIGN_IN.findall(url)) else ""
    user, _, password = sign_in.partition(":")
    written = {password, *(value for _, value in SECRET.findall(url)), user if len(user) >= KEY else ""}
    return {text for secret in written for text in (secret, unquote(secret)) if len(text) >= SHORT}
