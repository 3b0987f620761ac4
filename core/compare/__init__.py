"""Which arm learns faster, which more stably, and how sure are we?

Scores of runs, arms over seeds, pairs of arms: pure arithmetic on `evidence.Evidence`, which
core.store.runs.evidence reads; it must not know the store. Everything random is seeded, and every score is
described in `catalogue`.
"""
