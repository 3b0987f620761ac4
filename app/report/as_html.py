"""A report as one self-contained HTML page that follows the reader's theme.

Plotly, the data and the style are inside.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly

from app.live.chart_protocol import Card
from app.report import palette
from app.report.as_markdown import alarms, listed
from app.report.document import Document, Flagged
from app.text.escaping import escape
from app.widgets import tables
from core.compare.catalogue import SCORES
from core.compare.table import Cell
from core.config.sweep import shown
from core.metrics import count

APP = Path(__file__).parent.parent
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
HERE = Path(__file__).parent


def html(d: Document, cards: Mapping[str, Card]) -> str:
    """The whole page: style, content, data and scripts."""
    data = json.dumps([_plain(card) for card in cards.values()], allow_nan=False).replace("<", "\\u003c")
    style = f"{palette.tokens()}\n{(HERE / 'report.css').read_text(encoding='utf-8')}"
    shared = (APP / "elements" / "shared.js").read_text(encoding="utf-8")
    script = f"{shared}\n{(HERE / 'report.js').read_text(encoding='utf-8')}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(d.name)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head><body><main>\n'
        f"{body(d, cards)}\n</main>"
        f'<script type="application/json" id="cards">{data}</script>'
        f"<script>{PLOTLY.read_text(encoding='utf-8')}</script><script>{script}</script></body></html>\n"
    )


def body(d: Document, cards: Mapping[str, Card]) -> str:
    """The content of the page without scripts and style; `verify` makes it again to compare."""
    parts = [
        f"<h1>{escape(d.name)}</h1>",
        f"<p class='question'>{escape(d.question)}</p>" if d.question else "",
        f"<p class='note'>{escape(d.outcome)}</p>",
        *(_answer(d, i) for i in range(len(d.answers))),
        _list("What to know before believing the numbers", [r.said for r in d.remarks]),
        f"<div class='cards'>{''.join(_card(i, c) for i, c in enumerate(cards.values()))}</div>",
        *(
            f"<section><h2>{escape(t.title)}</h2><p class='note'>{escape(t.note)}</p>"
            f"{tables.html(t, len(t.rows), lambda cell: _tip(cell, d.horizon))}</section>"
            for t in d.tables
        ),
        _flags(d),
        _settings(d),
        "<p class='note'>Rest the pointer on a number for its runs and steps, on a head for its formula. report.json has "
        "each; <code>showdown report --verify</code> computes them again.</p>",
    ]
    return "\n".join(filter(None, parts))


def _tip(cell: Cell, horizon: int) -> str:
    if cell.value != cell.value:
        return cell.note
    steps = f"step {cell.step}" if cell.step is not None else f"steps 0-{horizon}"
    return "; ".join(filter(None, [f"runs {listed(cell.runs)}, {steps}", cell.note]))


def _answer(d: Document, at: int) -> str:
    answer = d.answers[at]
    key = d.primary[at]
    marked = "".join(f"<b>{escape(words)}</b>" if kind else escape(words) for words, kind in answer.parts)
    caveat = f"<p class='note'>{escape(answer.caveat)}</p>" if answer.caveat else ""
    runs = f"runs {listed(answer.runs)}"
    kind = "lead" if at == 0 else "answer"
    return f"<p class='{kind}' title='{runs}'><span class='chip'>{escape(SCORES[key].title)}</span> {marked}</p>{caveat}"


def _list(title: str, items: Sequence[str]) -> str:
    rows = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<section><h2>{escape(title)}</h2><ul>{rows}</ul></section>" if items else ""


def _card(at: int, card: Card) -> str:
    legend = f"<div class='legend'>{''.join(map(_entry, card['legend']))}</div>" if card.get("legend") else ""
    sub = f"<p class='note'>{escape(card['sub'])}</p>" if card.get("sub") else ""
    alt = escape(str(card.get("alt", card["title"])))
    high = max(card["height"] - 60, 160)
    plot = f"<div class='plot' role='img' aria-label='{alt}' data-card='{at}' style='height:{high}px'></div>"
    return f"<section class='card'><h3>{escape(card['title'])}</h3>{sub}{legend}{plot}</section>"


def _entry(e: Mapping[str, str]) -> str:
    line = f"<i style='color:var(--{escape(e['role'])})'></i>"
    return f"<span class='entry {escape(e.get('mark', 'line'))}'>{line}{escape(e['name'])}</span>"


def _flags(d: Document) -> str:
    false_alarms, total = d.clean
    flagged = len({f.run for f in d.flags})
    rows = "".join(map(_flag, d.flags))
    heads = "".join(
        f"<th>{h}</th>" for h in ("Arm", "Seed", "Run", "Flag", "Step", "Samples of steps", "Why")
    )
    table = f"<div class='sd-scroll'><table class='sd-table'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    return (
        f"<section><h2>Flags</h2><p class='note'>{flagged} of {count(len(d.runs), 'run')} raised a flag. A flag says where to "
        f"look and is no verdict. Of {count(total, 'run')} that ended well, {false_alarms} raised one: "
        f"false alarms. {escape(alarms(d))}"
        f"</p>{table if rows else ''}</section>"
    )


def _flag(f: Flagged) -> str:
    cells = (
        f.arm,
        f.seed,
        f.run,
        f.title.removeprefix("flag: "),
        f.step,
        f"{f.look[0]} and {f.look[1]}",
        f.said,
    )
    return f"<tr>{''.join(f'<td class=text>{escape(str(c))}</td>' for c in cells)}</tr>"


def _settings(d: Document) -> str:
    def cell(value: Any) -> str:
        return f"<td class='text'>{'' if value is None else escape(shown(value))}</td>"

    heads = "".join(f"<th class='text'>{escape(arm)}</th>" for arm in d.arms)
    rows = "".join(
        f"<tr><th scope='row'>{escape(path)}</th>{''.join(map(cell, vs))}</tr>"
        for path, vs in d.differ.items()
    )
    same_rows = "".join(
        f"<tr><th scope='row'>{escape(path)}</th>{cell(v)}</tr>" for path, v in d.same.items()
    )
    differ = f"<thead><tr><th class='text'>setting</th>{heads}</tr></thead><tbody>{rows}</tbody>"
    return (
        f"<section><h2>What differs between the arms</h2><div class='sd-scroll'><table class='sd-table'>{differ}</table></div>"
        f"<details><summary>The same in every arm ({len(d.same)})</summary>"
        f"<table class='sd-table'>{same_rows}</table></details>"
        "</section>"
    )


def _plain(value: Any) -> Any:
    """Convert a value to JSON types: arrays to lists, what is not a number to null."""
    if isinstance(value, np.ndarray):
        return [None if v != v else v for v in value.tolist()]
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not np.isfinite(value) else value
