"""`python -m cli` is `showdown`."""

from cli.main import main

main(prog_name="showdown")
