"""Finds the final answer of a completion and decides whether it is right. Reads texts only; uses no model."""
