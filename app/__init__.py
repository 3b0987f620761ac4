"""The dashboard. Reads through app.cache, writes through app.actions; never loads the training stack."""
