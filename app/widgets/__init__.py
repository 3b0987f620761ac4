"""Building blocks of pages: forms, static HTML, long jobs, state in the URL."""
