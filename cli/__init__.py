"""The `showdown` command: the only place that may start both sides, as processes."""
