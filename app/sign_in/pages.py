"""The pages for somebody who is not signed in: plain HTML without a script.

So a stranger is given nothing else.
"""

from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from app.sign_in.users import MAX_NAME_LENGTH

HERE = Path(__file__).parent
STYLE = (HERE / "page.css").read_text(encoding="utf-8")
LOGO = (HERE.parent / "static" / "logo.svg").read_text(encoding="utf-8")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Showdown</title><link rel="icon" href="data:,"><style>{style}</style></head>
<body><main>{logo}<h1>{title}</h1>{content}</main></body></html>
"""


def password_form(action: str, next_address: str, name: str = "", fault: str = "") -> str:
    """Asks for a name and the shared password; `fault` says why the last attempt did not work."""
    focus = ("", " autofocus") if name else (" autofocus", "")
    return _page(
        "Sign in",
        f"""{_alert(fault)}<form method="post" action="{escape(action)}">
<label>Your name<small>Recorded with the runs that you launch or stop.</small>
<input name="name" value="{escape(name)}" autocomplete="username" maxlength="{MAX_NAME_LENGTH}" required{focus[0]}></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required{focus[1]}></label>
<input type="hidden" name="next" value="{escape(next_address)}"><button>Sign in</button></form>""",
    )


def provider_link(address: str, provider: str) -> str:
    """Leads to the OpenID Connect provider. `provider` is an address of it; its host is shown."""
    host = escape(urlsplit(provider).hostname or "your provider")
    return _page(
        "Sign in", f'<p>You sign in at {host}.</p><a class="button" href="{escape(address)}">Continue</a>'
    )


def not_allowed(name: str, sign_out: str) -> str:
    """Says that a signed-in user is not on the operator's list.

    `sign_out`: where another account can be chosen; "" for none.
    """
    link = f'<a class="button" href="{escape(sign_out)}">Use another account</a>' if sign_out else ""
    text = f"You are signed in as <b>{escape(name)}</b>, who may not use this dashboard. Ask its operator to add the name."
    return _page("No access", f'<p role="alert">{text}</p>{link}')


def no_proxy() -> str:
    """Says that the proxy named nobody, or that the request did not come through it."""
    return _page("Not signed in", "<p>Open this dashboard through the proxy that signs you in.</p>")


def _alert(fault: str) -> str:
    return f'<p role="alert">{escape(fault)}</p>' if fault else ""


def _page(title: str, content: str) -> str:
    return PAGE.format(title=title, style=STYLE, logo=LOGO, content=content)
