"""An OpenID Connect provider on loopback: django-oauth-toolkit, as companies run it. `python -m
tests.support.oidc_server`.

Arguments: a folder for its database, its port, and the address of the dashboard that signs people in with
it. Its accounts are USERS, all with the password PASSWORD; each account's e-mail address counts as
verified as it says.
"""

import sys
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

ROUTES = "tests.support.oidc_routes"
CLIENT, CLIENT_SECRET, PASSWORD = "showdown", "the-secret-of-this-client", "a long enough password"
USERS = {
    "ana": ("ana@example.com", True),
    "eve": ("eve@elsewhere.example", True),
    "mallory": ("ana@example.com", False),
}
LOGIN_PAGE = """<!doctype html><title>Provider</title><form method="post">{% csrf_token %}{{ form.as_p }}
<input type="hidden" name="next" value="{{ next }}"><button>Log in</button></form>"""
LOGOUT_PAGE = """<!doctype html><title>Provider</title><form method="post">{% csrf_token %}
<input type="hidden" name="allow" value="1">{% for field in form %}{{ field.as_hidden }}{% endfor %}
<button>Log out</button></form>"""


def configure(folder: Path) -> None:
    """Django's settings, in the place of a settings module."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    templates = {"registration/login.html": LOGIN_PAGE, "oauth2_provider/logout_confirm.html": LOGOUT_PAGE}
    settings.configure(
        SECRET_KEY="of a test",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=ROUTES,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "provider.db")}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=[
            "django.contrib.auth.hashers.MD5PasswordHasher"
        ],  # quick: these passwords are in this file
        SESSION_COOKIE_NAME="provider_session",  # cookies of one host go to all its ports
        CSRF_COOKIE_NAME="provider_csrf",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [("django.template.loaders.locmem.Loader", templates)],
                    "context_processors": ["django.template.context_processors.request"],
                },
            }
        ],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": pem,
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False,
            "OAUTH2_VALIDATOR_CLASS": f"{ROUTES}.Validator",
            "SCOPES": {"openid": "", "email": "", "profile": ""},
        },
    )
    django.setup()


class Handler(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_message(self, *_words: Any) -> None:
        return


def serve(folder: Path, port: int, dashboard: str) -> None:
    """Make the database, the client and the accounts, then answer."""
    configure(folder)
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from oauth2_provider.models import get_application_model

    call_command("migrate", verbosity=0)
    for name, (email, _) in USERS.items():
        get_user_model().objects.create_user(name, email, PASSWORD)
    get_application_model().objects.create(
        client_id=CLIENT,
        client_secret=CLIENT_SECRET,
        client_type="confidential",
        authorization_grant_type="authorization-code",
        algorithm="RS256",
        skip_authorization=True,
        redirect_uris=f"{dashboard}/oauth2callback",
        post_logout_redirect_uris=f"{dashboard}/oauth2callback",
    )
    with make_server("127.0.0.1", port, get_wsgi_application(), handler_class=Handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
