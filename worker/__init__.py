"""The side that trains: a light Celery process supervises heavy training children.

A child is `worker.training.train`.
"""
