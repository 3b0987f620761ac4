"""State of a run outside the database: journal, checkpoints, the shared place.

Never imports the training stack.
"""
