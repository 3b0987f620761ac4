"""Runs the code given as its argument, for tests of how a process is started by `python -m MODULE ...`."""

import sys

if __name__ == "__main__":
    exec(sys.argv[1])
