"""The former place of core.rewards.components.plugins.

Tests that `showdown new component` wrote import it.
"""

from core.rewards.components.plugins import from_file

__all__ = ["from_file"]
