"""Compares the pins of constraints.txt with advisories kept beside this file, and with the list of those that
are allowed.

pypa.yaml is made by collect.py from a copy of PyPA's database; later.yaml holds what was published since,
by hand; allowed.yaml says which finding is accepted, why, and until when. Nothing here asks the network.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
LISTS = ("pypa.yaml", "later.yaml")


@dataclass(frozen=True)
class Advisory:
    """One advisory on one package, with the ranges of versions that it affects (PEP 440)."""

    id: str
    package: str
    affected: tuple[str, ...]
    also: tuple[str, ...] = ()
    what: str = ""

    def over(self, version: str) -> SpecifierSet | None:
        """The range that this version lies in; None where it is not affected."""
        ranges = map(SpecifierSet, self.affected)
        return next((ranged for ranged in ranges if ranged.contains(version, prereleases=True)), None)


@dataclass(frozen=True)
class Allowance:
    """An advisory that is accepted: why it does not reach us, and the day on which that is looked at again."""

    id: str
    package: str
    why: str
    until: date

    def covers(self, advisory: Advisory) -> bool:
        return self.package == advisory.package and self.id in (advisory.id, *advisory.also)


@dataclass(frozen=True)
class Finding:
    """A pin that an advisory affects, and the first version that repairs it, where one does."""

    version: str
    advisory: Advisory
    repaired: str | None

    def __str__(self) -> str:
        a = self.advisory
        repair = f"repaired in {self.repaired}" if self.repaired else "no repaired version is known"
        about = f" ({a.what})" if a.what else ""
        return f"{a.package} {self.version}: {a.id}{about}: {repair}; https://osv.dev/vulnerability/{a.id}"


def pins(constraints: Path) -> dict[str, str]:
    """Package -> version, of a file of lines `name==version`."""
    lines = [line.split("#")[0].strip() for line in constraints.read_text(encoding="utf-8").splitlines()]
    return {
        canonicalize_name(name): version
        for name, _, version in (line.partition("==") for line in lines if line)
    }


def stored() -> list[Advisory]:
    """Every advisory of the kept lists."""
    return [_advisory(entry) for name in LISTS for entry in _file(name)["advisories"]]


def collected() -> dict[str, str]:
    """List -> the day of its newest advisory."""
    return {name: str(_file(name)["until"]) for name in LISTS}


def allowances() -> list[Allowance]:
    return [Allowance(**entry) for entry in _file("allowed.yaml")["allowed"]]


def findings(pinned: dict[str, str], advisories: Iterable[Advisory]) -> Iterator[Finding]:
    """The pins that are affected."""
    for advisory in advisories:
        version = pinned.get(advisory.package)
        affected = advisory.over(version) if version else None
        if version and affected is not None:
            ends = [limit.version for limit in affected if limit.operator == "<"]
            yield Finding(version, advisory, ends[0] if ends else None)


def _advisory(entry: dict[str, Any]) -> Advisory:
    return Advisory(**entry | {key: tuple(entry.get(key, ())) for key in ("affected", "also")})


def _file(name: str) -> dict[str, Any]:
    return yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
