"""The catalogue of metrics: key, title, unit, direction and one sentence for each.

Pages take their words from here.
"""

from core.metrics.catalogue import FAMILIES, METRICS, Metric, count, describe, described, percent

__all__ = ["FAMILIES", "METRICS", "Metric", "count", "describe", "described", "percent"]
