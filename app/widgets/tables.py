"""A comparison's table as HTML. Pure."""

from collections.abc import Callable, Sequence

from app.text.escaping import escape
from core.compare.table import Cell, Column, Table

CLASS = ' class="text"'
Tip = Callable[[Cell], str]


def html(table: Table, most_rows: int, tip: Tip = lambda cell: cell.note) -> str:
    """The table with every text escaped; `tip` gives the tooltip of a cell."""
    numeric = [any(row[i].value == row[i].value for row in table.rows) for i in range(len(table.columns))]
    heads = "".join(_head(c, n) for c, n in zip(table.columns, numeric, strict=True))
    rows = "".join(f"<tr>{_row(row, numeric, tip)}</tr>" for row in table.rows[:most_rows])
    inner = f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="sd-scroll" tabindex="0"><table class="sd-table">{inner}</table></div>'


def _head(c: Column, numeric: bool) -> str:
    tooltip = escape(f"{c.formula} {c.source}".strip())
    return f'<th scope="col" title="{tooltip}"{"" if numeric else CLASS}>{escape(c.head)}{c.arrow}</th>'


def _row(row: Sequence[Cell], numeric: Sequence[bool], tip: Tip) -> str:
    return "".join(
        _cell(cell, n, i == 0, tip(cell)) for i, (cell, n) in enumerate(zip(row, numeric, strict=True))
    )


def _cell(cell: Cell, numeric: bool, first: bool, said: str) -> str:
    tag = 'th scope="row"' if first else "td"
    kind = "" if numeric else CLASS
    small = f"<small>{escape(cell.interval)}</small>" if cell.interval else ""
    star = "<small>*</small>" if cell.note else ""
    title = f' title="{escape(said)}"' if said else ""
    return f"<{tag}{kind}{title}>{escape(cell.text)}{small}{star}</{tag.split()[0]}>"
