"""The Queue page and its parts."""
