"""The code's revision, stored with every run."""

import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path


@lru_cache(maxsize=1)
def revision() -> str:
    """`<version>+<git commit>`, with `-dirty` for uncommitted changes.

    Outside a checkout it is the version alone.
    """
    own = version("showdown")
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        described = subprocess.run(git, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return own
    return f"{own}+{described}"
