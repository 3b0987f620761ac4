"""`make audit`: the pins against the kept lists, and against PyPI's database where pip-audit is installed and
reaches it.

The kept lists are always asked: they hold what has no range in a database, and what its range leaves out.
Ends with 1 where a pin is affected and not allowed, or an allowance has run out; a calendar decides here,
and never in `make test`.
"""

import importlib.util
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tests.support.advisories import Advisory, Finding, allowances, collected, findings, pins, stored

CONSTRAINTS = Path(__file__).parents[3] / "constraints.txt"
SECONDS = 300


def asked(constraints: Path) -> tuple[list[Finding], str]:
    """What PyPI's database finds, and a sentence on how much of it answered."""
    if importlib.util.find_spec("pip_audit") is None:
        return [], "pip-audit is not installed (pip install pip-audit): its database was not asked"
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--requirement",
        str(constraints),
        "--no-deps",
        "--disable-pip",
    ]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        made = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return [], f"pip-audit's database did not answer within {SECONDS} s"
    return heard(made.stdout)


def heard(report: str) -> tuple[list[Finding], str]:
    """What a report of pip-audit (JSON) finds, and a sentence on how much of the database answered."""
    try:
        packages = json.loads(report)["dependencies"]
        audited = [package for package in packages if "vulns" in package]
        affected = [_finding(package, found) for package in audited for found in package["vulns"]]
    except (ValueError, KeyError, TypeError):
        return [], "pip-audit's database did not answer"
    if not audited:  # pip-audit ends with 0 then, and says that it found nothing
        return [], "pip-audit's database knows none of our packages: it was not reached"
    return affected, f"pip-audit's database answered for {len(audited)} of {len(packages)} packages"


def _finding(package: dict[str, Any], found: dict[str, Any]) -> Finding:
    version, repairs = package["version"], found["fix_versions"]
    advisory = Advisory(
        found["id"], canonicalize_name(package["name"]), (f"=={version}",), tuple(found.get("aliases", ()))
    )
    return Finding(version, advisory, repairs[0] if repairs else None)


def main() -> int:
    for name, day in collected().items():
        print(f"{name}: advisories until {day}")
    from_database, sentence = asked(CONSTRAINTS)
    print(sentence)
    accepted = allowances()
    affected = [*findings(pins(CONSTRAINTS), stored()), *from_database]
    open_findings = [f for f in affected if not any(allowed.covers(f.advisory) for allowed in accepted)]
    expired = [allowed for allowed in accepted if allowed.until < date.today()]
    for found in open_findings:
        print(f"AFFECTED {found}")
    for allowed in expired:
        print(
            f"RUN OUT {allowed.package}: {allowed.id} was allowed until {allowed.until}; look at it again: {allowed.why}"
        )
    if not open_findings and not expired:
        print(
            f"no pin is affected but for {len(accepted)} that are allowed (tests/support/advisories/allowed.yaml)"
        )
    return bool(open_findings or expired)


if __name__ == "__main__":
    sys.exit(main())
