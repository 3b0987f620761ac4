"""The side that trains: a light Celery process that supervises, and a heavy training child (`worker.train`)."""
