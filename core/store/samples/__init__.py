"""Stored samples: filtered lists, single samples, columns for replay, notes."""
