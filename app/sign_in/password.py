"""Sign-in with one password for a small team.

The name beside it is what people say of themselves: recorded, not proved.

The hash is argon2id's with the defaults of argon2-cffi (RFC 9106, section 4, the second recommended
option). The session is a cookie signed with a key that is derived from the hash: it needs no file of its
own, and a new password ends every session.
"""

import hashlib
import secrets
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection

from app.sign_in.users import User, clean_name, digest
from core.common.errors import SetupError
from core.common.settings import settings

MIN_LENGTH, MAX_LENGTH = 12, 1000  # characters
MAX_FILE_BYTES = 1000


def write(password: str, file: Path) -> None:
    """Store the hash of a new password, readable by this user alone.

    Raises SetupError where the password is too short or too long, or cannot be stored.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise SetupError(
            f"the password needs {MIN_LENGTH} to {MAX_LENGTH} characters; it has {len(password)}"
        )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        part.touch(mode=0o600, exist_ok=False)
        part.write_text(PasswordHasher().hash(password) + "\n", encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise SetupError(f"the password's hash cannot be written to {file}: {error.strerror}") from error


def read(file: Path) -> str:
    """The stored hash; SetupError where there is none, or where the file holds something else."""
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_FILE_BYTES + 1).decode("utf-8", "replace").strip()
    except OSError as error:
        raise SetupError(
            f"the password's hash cannot be read from {file} ({error.strerror}); make one: showdown password"
        ) from error
    try:
        PasswordHasher().check_needs_rehash(text)
    except (InvalidHashError, ValueError) as error:
        raise SetupError(
            f"{file} does not hold the hash of a password; make one: showdown password"
        ) from error
    return text


def is_right(password: str) -> bool:
    """Compare a typed password with the stored hash; this takes about 50 ms and 64 MB on purpose."""
    if len(password) > MAX_LENGTH:
        return False
    try:
        return PasswordHasher().verify(read(settings().password), password)
    except (Argon2Error, UnicodeEncodeError):
        return False


def cookie_name() -> str:
    """The name of the session cookie, with the port.

    A browser sends a cookie to every port of a host, so two dashboards on one host need two names.
    """
    return f"showdown_session_{settings().port}"


def _signer() -> URLSafeTimedSerializer:
    key = hashlib.sha256(b"showdown session " + read(settings().password).encode()).hexdigest()
    return URLSafeTimedSerializer(key, salt="session")


def session_for(name: str) -> str:
    """The value of the cookie for somebody who knew the password.

    Each sign-in has its own, so that it can be ended alone.
    """
    return str(_signer().dumps({"name": clean_name(name), "nonce": secrets.token_hex(8)}))


def user_of(request: HTTPConnection) -> User | None:
    """Who sends a request, by its cookie; None without one, or with one not ours or too old."""
    cookie = request.cookies.get(cookie_name())
    if not cookie:
        return None
    max_age = 3600 * settings().session_hours
    try:
        session, signed_at = _signer().loads(cookie, max_age=int(max_age), return_timestamp=True)
    except (BadSignature, SetupError):
        return None
    return User(str(session["name"]), digest(cookie), signed_at.timestamp() + max_age)
