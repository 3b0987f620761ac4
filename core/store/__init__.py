"""The place that speaks SQL. `runs` and `experiments` write state, `records` writes metrics and samples, `queries` reads.

Called by app (through app.cache and app.actions), worker and cli. Callers get frozen dataclasses, never rows or SQL.
"""
