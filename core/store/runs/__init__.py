"""Creates, claims, changes, lists and compares runs and experiments."""
