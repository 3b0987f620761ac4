"""The Samples page and its parts."""
