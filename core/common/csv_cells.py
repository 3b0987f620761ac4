"""Makes text from outside safe as a cell of a CSV file."""

FORMULAS = "=+-@\t\r\n"  # what begins a formula in a spreadsheet


def cell_text(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would compute it instead of showing it."""
    return f"'{text}" if text.startswith(tuple(FORMULAS)) else text
