"""Live charts: the series in memory, the encoding of a chart, and the feed that browsers ask."""
