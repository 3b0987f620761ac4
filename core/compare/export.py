"""A table as a file: CSV for programs, LaTeX for papers. Pure."""

import csv
import io
import math

from core.common.csv_cells import cell_text
from core.compare.table import Cell, Column, Table

# Characters that LaTeX reads as commands -> what stands for them. The dash is our "no number".
TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "–": "--", "\n": " ",
}  # fmt: skip


def to_csv(table: Table) -> str:
    """The table as CSV, one line per row, with all digits, in the unit of the score (shares as 0..1).

    A number has its own column, followed by low, high, runs and step where it has them.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    extras = [_extras(table, i) for i in range(len(table.columns))]
    writer.writerow(
        [
            h
            for c, more in zip(table.columns, extras, strict=True)
            for h in (c.key, *(f"{c.key} {m}" for m in more))
        ]
    )
    for row in table.rows:
        writer.writerow([v for cell, more in zip(row, extras, strict=True) for v in _csv_cell(cell, more)])
    return out.getvalue()


def _extras(table: Table, at: int) -> tuple[str, ...]:
    cells = [row[at] for row in table.rows]
    if all(math.isnan(cell.value) for cell in cells):
        return ()
    names = ["low", "high"] if any(math.isfinite(cell.low) for cell in cells) else []
    names += ["runs"] if any(cell.runs for cell in cells) else []
    return (*names, *(["step"] if any(cell.step is not None for cell in cells) else []))


def _csv_cell(cell: Cell, extras: tuple[str, ...]) -> list[str]:
    value_text = _number(cell.value) if extras or math.isfinite(cell.value) else cell_text(cell.text)
    extra_texts = {
        "low": _number(cell.low),
        "high": _number(cell.high),
        "runs": " ".join(map(str, cell.runs)),
        "step": "" if cell.step is None else str(cell.step),
    }
    return [value_text, *(extra_texts[name] for name in extras)]


def _number(value: float) -> str:
    return f"{value:.12g}" if math.isfinite(value) else ""


def tex(text: str) -> str:
    """Untrusted text as LaTeX that prints exactly that text."""
    return "".join(TEX.get(c, c) for c in text)


def to_latex(table: Table) -> str:
    """The table as a booktabs tabular with caption and label; intervals stand small after their numbers."""
    columns = "".join("r" if _numeric(table, i) else "l" for i in range(len(table.columns)))
    lines = [
        "% \\usepackage{booktabs}", "\\begin{table}", "  \\centering",
        f"  \\caption{{{tex(table.title)}. {tex(table.note)}}}",
        f"  \\label{{tab:{tex(table.key)}}}", f"  \\begin{{tabular}}{{{columns}}}", "    \\toprule",
        f"    {' & '.join(map(_head, table.columns))} \\\\", "    \\midrule",
        *(f"    {' & '.join(map(_latex_cell, row))} \\\\" for row in table.rows),
        "    \\bottomrule", "  \\end{tabular}", "\\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _head(column: Column) -> str:
    arrow = {"up": " $\\uparrow$", "down": " $\\downarrow$"}.get(column.better, "")
    return f"{tex(column.head)}{arrow}"


def _latex_cell(cell: Cell) -> str:
    return f"{tex(cell.text)} {{\\scriptsize {tex(cell.interval)}}}" if cell.interval else tex(cell.text)


def _numeric(table: Table, at: int) -> bool:
    return any(math.isfinite(row[at].value) for row in table.rows)
