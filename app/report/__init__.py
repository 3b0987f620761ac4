"""An experiment's comparison as files that work anywhere: one HTML page, a Markdown with pictures, the tables, and every number
with the runs it is of. Called by cli.report, cli.study and the Compare page; knows no session."""
