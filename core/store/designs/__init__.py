"""Designs that have not become runs yet: drafts and saved mixes."""
