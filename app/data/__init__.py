"""What pages read and write: one reader and one writer for all viewers, with their caches."""
