"""The Design page and its parts."""
