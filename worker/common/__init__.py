"""Code that the supervising process and a training share. Light: does not import the training stack."""
