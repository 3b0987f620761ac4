"""No pin is affected by an advisory of the kept lists unless a written reason allows it; and the reading
of these lists."""

import json
from datetime import date
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.conftest import REPO
from tests.support.advisories import Advisory, Allowance, allowances, findings, pins, stored
from tests.support.advisories.__main__ import heard
from tests.support.advisories.collect import ranges

PINS = pins(REPO / "constraints.txt")


def test_no_pin_is_affected_but_for_those_that_are_allowed() -> None:
    """Raise the pin; or say in allowed.yaml why it does not reach us."""
    accepted = allowances()
    assert [
        str(f)
        for f in findings(PINS, stored())
        if not any(allowed.covers(f.advisory) for allowed in accepted)
    ] == []


def test_what_is_allowed_is_still_found() -> None:
    """An allowance for what has been repaired would cover the next finding of that name. Its day is `make
    audit`'s alone."""
    found = list(findings(PINS, stored()))
    assert [a.id for a in allowances() if not any(a.covers(f.advisory) for f in found)] == []
    assert all(len(a.why) > 40 and isinstance(a.until, date) for a in allowances())


def test_the_lists_are_about_pinned_packages_and_say_which_versions() -> None:
    advisories = stored()
    assert {a.package for a in advisories} <= set(PINS)
    assert [
        a.id
        for a in advisories
        if not a.affected or not all(len(SpecifierSet(ranged)) for ranged in a.affected)
    ] == []
    listed = [(a.package, name) for a in advisories for name in (a.id, *a.also)]
    assert [entry for entry in listed if listed.count(entry) > 1] == [], "the same advisory twice"
    assert all(Version(version) for version in PINS.values())


AFFECTED = {
    "before the repair": ("2.31.0", ("<2.32.4",), "2.32.4"),
    "the repaired version": ("2.32.4", ("<2.32.4",), None),
    "an early version of the repaired one": ("2.32.4rc1", ("<2.32.4",), None),  # PEP 440: < leaves these out
    "an early version before it": ("2.32.3rc1", ("<2.32.4",), "2.32.4"),
    "between two ranges": ("4.25.8", ("<4.25.8", ">=5,<5.29.5"), None),
    "in the second range": ("5.1", ("<4.25.8", ">=5,<5.29.5"), "5.29.5"),
    "a repaired post-release": ("1.0.post1", ("<=1.0",), None),
}


@pytest.mark.parametrize(("version", "affected", "repaired"), AFFECTED.values(), ids=list(AFFECTED))
def test_a_pin_is_found_by_its_range(version: str, affected: tuple[str, ...], repaired: str | None) -> None:
    found = list(findings({"requests": version, "other": "1"}, [Advisory("CVE-1", "requests", affected)]))
    assert [f.repaired for f in found] == ([repaired] if repaired else [])


def test_a_finding_names_package_version_advisory_and_repair() -> None:
    (found,) = findings({"a": "1.0"}, [Advisory("CVE-1", "a", (">=0.5,<1.2",), what="reads too much")])
    assert str(found) == "a 1.0: CVE-1 (reads too much): repaired in 1.2; https://osv.dev/vulnerability/CVE-1"
    (found,) = findings({"a": "1.0"}, [Advisory("CVE-1", "a", ("<=1.0",))])
    assert str(found) == "a 1.0: CVE-1: no repaired version is known; https://osv.dev/vulnerability/CVE-1"


def test_an_allowance_is_for_one_package_and_any_name_of_the_advisory() -> None:
    advisory = Advisory("CVE-1", "a", ("<2",), ("GHSA-1",))
    allowed = [
        Allowance(name, "a", "because", date(2026, 1, 1)).covers(advisory)
        for name in ("CVE-1", "GHSA-1", "CVE-2")
    ]
    assert allowed == [True, True, False]
    assert not Allowance("CVE-1", "b", "because", date(2026, 1, 1)).covers(advisory)


EVENTS = {
    "from the beginning": ([{"introduced": "0"}, {"fixed": "1.2"}], ["<1.2"]),
    "from a version": ([{"introduced": "1.0"}, {"fixed": "1.2"}], [">=1.0,<1.2"]),
    "two branches": (
        [{"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "2"}, {"fixed": "2.1"}],
        ["<1.2", ">=2,<2.1"],
    ),
    "no repair": ([{"introduced": "0"}], [">=0"]),
    "the last that is affected": ([{"introduced": "1"}, {"last_affected": "1.4"}], [">=1,<=1.4"]),
}


@pytest.mark.parametrize(("events", "written"), EVENTS.values(), ids=list(EVENTS))
def test_a_range_of_the_database_is_written_as_pep_440(
    events: list[dict[str, str]], written: list[str]
) -> None:
    assert (
        ranges(
            {
                "ranges": [
                    {"type": "GIT", "events": [{"introduced": "0"}]},
                    {"type": "ECOSYSTEM", "events": events},
                ]
            }
        )
        == written
    )


def test_versions_stand_in_for_a_range_that_is_not_there() -> None:
    assert ranges({"ranges": [{"type": "GIT", "events": []}], "versions": ["1.9", "1.10", "1.2"]}) == [
        "<=1.10"
    ]


def test_pins_are_read_under_one_spelling(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text(
        "# made by hand\nSQLAlchemy==2.1.9\nruamel.yaml==0.19.1  # why\n\nast_serialize==0.13.1\n"
    )
    assert pins(tmp_path / "c.txt") == {
        "sqlalchemy": "2.1.9",
        "ruamel-yaml": "0.19.1",
        "ast-serialize": "0.13.1",
    }


VULN = {"id": "PYSEC-1", "fix_versions": ["3.1.3"], "aliases": ["CVE-1"], "description": "long"}
REPORTS = {
    "an affected package": (
        [{"name": "Jinja2", "version": "3.1.2", "vulns": [VULN]}],
        ["jinja2 3.1.2: PYSEC-1"],
        "for 1 of 1",
    ),
    "no repair": (
        [{"name": "a", "version": "1", "vulns": [VULN | {"fix_versions": []}]}],
        ["a 1: PYSEC-1"],
        "for 1 of 1",
    ),
    "one is unknown": (
        [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}],
        [],
        "for 1 of 2",
    ),
    "none is known, as where PyPI is a mirror without its database": (
        [{"name": "a", "skip_reason": "x"}],
        [],
        "not reached",
    ),
}


@pytest.mark.parametrize(("packages", "found", "sentence"), REPORTS.values(), ids=list(REPORTS))
def test_a_report_of_pip_audit_is_read(
    packages: list[dict[str, object]], found: list[str], sentence: str
) -> None:
    affected, said = heard(json.dumps({"dependencies": packages, "fixes": []}))
    assert [str(f).split(": repaired")[0].split(": no repaired")[0] for f in affected] == found
    assert sentence in said


@pytest.mark.parametrize("report", ["", "Traceback", "[]", "{}", '{"dependencies": [1]}'])
def test_a_report_that_is_none_is_no_answer(report: str) -> None:
    assert heard(report) == ([], "pip-audit's database did not answer")
