"""Text of strangers as a cell of a CSV file. Called by whatever writes one."""

FORMULAS = "=+-@\t\r\n"  # what a spreadsheet takes for the beginning of a formula


def cell_text(text: str) -> str:
    """The text, so that a spreadsheet shows it and does not compute it."""
    return f"'{text}" if text.startswith(tuple(FORMULAS)) else text
