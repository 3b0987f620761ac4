"""Files of this machine: which may be named, and whether they are what they should be."""
