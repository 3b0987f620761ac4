"""Metrics, samples and evaluations of each training step: written once, read as series."""
