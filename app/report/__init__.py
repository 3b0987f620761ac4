"""An experiment's comparison as files that work anywhere.

One HTML page, a Markdown with pictures, the tables, and every number with the runs behind it. Knows no
session.
"""
