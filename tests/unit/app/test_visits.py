"""Since when things are new, by the cookies that a browser brings."""

import pytest

from app.data import visits


@pytest.mark.parametrize(
    ("cookies", "since", "why"),
    [
        ({}, None, "a first visit"),
        ({visits.SEEN: "9500"}, None, "still the first visit"),
        ({visits.SEEN: "1000"}, 1000.0, "the visit before this one ended then"),
        ({visits.SEEN: "9900", visits.SINCE: "1000"}, 1000.0, "a reload does not make the news disappear"),
        ({visits.SEEN: "5000", visits.SINCE: "1000"}, 5000.0, "a third visit"),
        ({visits.SEEN: "nan", visits.SINCE: "<script>"}, None, "cookies that somebody wrote"),
        ({visits.SEEN: "99999999"}, None, "from the future"),
    ],
)
def test_since_when_things_are_new(cookies: dict[str, str], since: float | None, why: str) -> None:
    found = visits.visit(cookies, 10_000.0)
    assert found.since == since, why
    assert (
        found.keep.get(visits.SINCE) == (None if since is None else f"{since:.0f}")
        and found.keep[visits.SEEN] == "10000"
    )
