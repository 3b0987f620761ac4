"""The code's revision, stored with every run. Called where runs are created."""

import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path


@lru_cache(maxsize=1)
def revision() -> str:
    """`<version>+<git commit>`, with `-dirty` for uncommitted changes; the version alone outside a checkout."""
    own = version("showdown")
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        found = subprocess.run(git, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return own
    return f"{own}+{found}"
