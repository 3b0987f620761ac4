"""The dashboard. Reads through app.data.reads, writes through app.data.actions; never loads the training
stack."""
