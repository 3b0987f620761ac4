"""URLs of databases, brokers and stores as they may be said: without what they keep secret. Called by whoever names one."""

import re

SIGN_IN = re.compile(r"(?<=://).*@", re.DOTALL)  # up to the last @: a password may hold anything
SECRET = re.compile(r"([?&;][^=&;]*(?:pass|secret|key|token|credential|auth)[^=&;]*=)[^&;]*", re.IGNORECASE)


def shown(url: str) -> str:
    """The URL without user, password and secret settings."""
    return SECRET.sub(r"\1***", SIGN_IN.sub("", url))
