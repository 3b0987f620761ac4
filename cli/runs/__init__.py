"""Commands about runs: submit, change, watch, export and import."""
