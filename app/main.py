"""The pages of the dashboard, as Streamlit runs them for every viewer."""

from pathlib import Path

import streamlit as st

from app import elements
from app.data import draft
from app.sign_in import current
from app.text.escaping import plain
from app.views.design.next_step import PRESSED
from app.views.samples.filters import CAME
from app.widgets import outages, url_state
from app.widgets.jobs import PAGE
from core.common.settings import settings

HERE = Path(__file__).parent
MOST_SHOWN = 32  # characters of a user's name beside the pages


def main() -> None:
    st.set_page_config(page_title="Showdown", page_icon=str(HERE / "static" / "icon.svg"), layout="wide")
    st.html(HERE / "style.css")
    st.logo(str(HERE / "static" / "logo.svg"), size="medium")
    pages = [
        st.Page("views/home/page.py", title="Home", icon=":material/home:", default=True),
        st.Page("views/design/page.py", title="Design", icon=":material/tune:", url_path="design"),
        st.Page("views/queue/page.py", title="Queue", icon=":material/layers:", url_path="queue"),
        st.Page("views/runs/page.py", title="Runs", icon=":material/show_chart:", url_path="runs"),
        st.Page(
            "views/compare/page.py", title="Compare", icon=":material/compare_arrows:", url_path="compare"
        ),
        st.Page("views/samples/page.py", title="Samples", icon=":material/notes:", url_path="samples"),
        st.Page("views/workers/page.py", title="Workers", icon=":material/memory:", url_path="workers"),
        st.Page(
            "views/run/page.py",
            title="Run",
            icon=":material/monitoring:",
            url_path="run",
            visibility="hidden",
        ),
    ]
    user = current.name()
    account = (
        [st.Page(sign_out, title="Sign out", icon=":material/logout:", url_path="sign-out")]
        if _can_sign_out()
        else []
    )
    page = st.navigation(
        {"": pages, plain(user[:MOST_SHOWN]): account} if user and account else pages, position="top"
    )
    if page.url_path:  # Home stays "Showdown"; of many tabs each says what is in it
        st.set_page_config(page_title=f"{page.title} · Showdown")  # adds to the first: icon and layout stay
    another = st.session_state.get(PAGE) != page.url_path
    url_state.arrive(another)
    if another:
        st.session_state[PAGE], st.session_state[CAME] = page.url_path, True
        st.session_state.pop(PRESSED, None)
    if settings().is_public and not settings().has_login:
        st.warning(
            "There is no login: whoever reaches this address may do everything here.",
            icon=":material/lock_open:",
        )
    with outages.said():
        page.run()
        elements.warm()
        draft.keep(in_address=page.url_path in ("design", "queue"))
    if user:
        elements.session_end(current.seconds_left())


def sign_out() -> None:
    """Send the browser to the gate's route, which ends the sign-in."""
    st.logout()


def _can_sign_out() -> bool:
    return settings().login != "proxy" or bool(settings().sign_out_address)


main()
