"""The Run page and its parts."""
