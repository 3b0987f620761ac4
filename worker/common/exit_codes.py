"""Exit codes that tell the supervising process how a training ended.

0 means trained to the end; any code that is not listed here means failed.
"""

STOPPED = 3
"""Stopped on request at a step boundary, with a checkpoint."""
OUT_OF_MEMORY = 4
GUARDED = 5
"""Ended by a collapse guard."""
