"""The only package that speaks SQL; its callers get frozen dataclasses, never rows or SQL.

`runs.lifecycle` and `runs.claims` write the state of runs and experiments, `steps.records` writes metrics
and samples, and `runs.queries` reads.
"""
