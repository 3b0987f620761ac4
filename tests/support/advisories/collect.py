"""Writes pypa.yaml from a clone of PyPA's advisory database: `python -m tests.support.advisories.collect
FOLDER`.

Facts alone, and of pinned packages alone: which advisory affects which versions of which package. The
database is PyPA's (https://github.com/pypa/advisory-database, CC BY 4.0).
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.advisories import HERE, pins
from tests.support.advisories.__main__ import CONSTRAINTS

HEAD = """\
# Advisories on packages of constraints.txt, from https://github.com/pypa/advisory-database (CC BY 4.0),
# commit {commit}. Made by collect.py: do not edit.
until: {day}
advisories:
"""


def git(clone: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(clone), *arguments], check=True, capture_output=True, text=True
    ).stdout


def ranges(affected: dict[str, Any]) -> list[str]:
    """The affected versions as PEP 440 ranges; up to the last affected version where no range is given."""
    written: list[str] = []
    for ranged in affected.get("ranges", []):
        if ranged["type"] != "ECOSYSTEM":
            continue
        begin = ""
        for event in ranged["events"]:
            if "introduced" in event:
                begin = "" if event["introduced"] == "0" else f">={event['introduced']}"
                written.append(begin or ">=0")
            elif "fixed" in event or "last_affected" in event:
                end = f"<{event['fixed']}" if "fixed" in event else f"<={event['last_affected']}"
                written[-1] = ",".join(filter(None, (begin, end)))
    if not written and affected.get("versions"):
        written = [f"<={max(affected['versions'], key=Version)}"]
    return written


def entries(clone: Path, pinned: dict[str, str]) -> list[dict[str, Any]]:
    """One entry per advisory that is not withdrawn and pinned package, by package and id."""
    made = []
    for path in git(clone, "ls-tree", "-r", "HEAD", "--name-only", "vulns").splitlines():
        if path.split("/")[1] not in pinned or not path.endswith(".yaml"):
            continue
        advisory = yaml.safe_load(git(clone, "show", f"HEAD:{path}"))
        if "withdrawn" in advisory:
            continue
        for affected in advisory["affected"]:
            package = canonicalize_name(affected["package"]["name"])
            made.append(
                {
                    "id": advisory["id"],
                    "package": package,
                    "affected": ranges(affected),
                    "also": advisory.get("aliases", []),
                }
            )
    return sorted(made, key=lambda entry: (entry["package"], entry["id"]))


def main(clone: Path) -> None:
    commit, day = git(clone, "show", "--no-patch", "--format=%H %cs").split()
    lines = [
        "- " + yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=10_000)
        for entry in entries(clone, pins(CONSTRAINTS))
    ]
    (HERE / "pypa.yaml").write_text(HEAD.format(commit=commit, day=day) + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
