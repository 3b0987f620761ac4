"""The Workers page and its parts."""
