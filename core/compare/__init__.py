"""Which arm learns faster, which more stably, and how sure are we: scores of runs, arms over seeds, pairs of arms.

Called by what shows or exports a comparison. Pure arithmetic on `evidence.Evidence`, which core.store.evidence reads;
it must not know the store. Everything random is seeded, and every score is described in `catalogue`.
"""
