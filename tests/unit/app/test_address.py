"""The address as this session has written it, against browsers that send the one of before. In a real one:
tests/e2e."""

import pytest
from streamlit.testing.v1 import AppTest

from app.widgets import url_state as written


def script() -> None:
    import streamlit as st

    from app.widgets import url_state

    for value in ("2", "2-1", ""):
        st.button(value or "none", on_click=url_state.put, kwargs={"runs": value})
    st.markdown(url_state.get("runs") or "nothing")


CASES = {
    "late once": ([("2", {}, "2"), ("", {}, "2")], {"runs": "2"}),
    "late by two changes": ([("2", {}, "2"), ("2-1", {}, "2-1"), ("", {}, "2-1")], {"runs": "2-1"}),
    "a change from late to late": ([("2", {}, "2"), ("2-1", {}, "2-1")], {"runs": "2-1"}),
    "taken away, and late": ([("none", {"runs": "3"}, "nothing"), ("", {"runs": "3"}, "nothing")], {}),
    "late, with what a widget wrote": (
        [("2", {}, "2"), ("", {"state": "Done"}, "2")],
        {"state": "Done", "runs": "2"},
    ),
    "another value is somebody's wish": ([("2", {}, "2"), ("", {"runs": "7"}, "7")], {"runs": "7"}),
    "back and forth": (
        [("2", {}, "2"), ("none", {"runs": "2"}, "nothing"), ("", {"runs": "2"}, "nothing")],
        {},
    ),
}


@pytest.mark.parametrize(("steps", "last"), CASES.values(), ids=CASES)
def test_what_the_browser_sent_late(
    steps: list[tuple[str, dict[str, str], str]], last: dict[str, str]
) -> None:
    at = AppTest.from_function(script, default_timeout=60).run()
    for press, sent, shown in steps:
        at.query_params.clear()
        at.query_params.update(sent)
        for button in at.button:
            if button.label == press:
                button.click()
        at.run()
        assert at.markdown[0].value == shown
    assert {name: "".join(value) for name, value in at.query_params.items()} == last and not at.exception


def test_later_the_address_of_before_is_a_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    at = AppTest.from_function(script, default_timeout=60).run()
    at.button[0].click().run()
    monkeypatch.setattr(written, "LATE", 0.0)
    at.query_params.clear()
    at.run()
    assert at.markdown[0].value == "nothing" and not at.query_params
