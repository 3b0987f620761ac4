r"""Finds the statements `expression = value` of a worked text and judges them, in exact fractions.

**What was not read whole is not judged.** A statement is judged only if both of its sides were read from
delimiter to delimiter: an unknown command, operator, symbol, variable or unit beside a side leaves it unread.
In `a = b = c` each `=` is judged by what stands directly beside it; a line that begins with `=` continues the
line before.

If usage allows a second reading (`25 / 1/3`, `1 hour` for 60, a bullet that may be a minus), a statement that
is true in the usual reading is true, and one that is not is left unread. Nothing raises on text; time is
linear in its length.
"""

from core.grading.equations.statements import MAX_TEXT, Equation, Statement, equations, judged, statements

__all__ = ["MAX_TEXT", "Equation", "Statement", "equations", "judged", "statements"]
