"""Statistics over seeds: intervals, tests and corrections, each with its source. Pure."""
