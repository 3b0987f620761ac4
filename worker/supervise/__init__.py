"""The process that claims runs and supervises their trainings. Never imports the training stack."""
