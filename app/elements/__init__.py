"""Our own page elements (components v2), for what no native Streamlit element does.

Each is one .js and one .css file. Texts reach the page through `textContent` only, so a completion can
hold anything. Colours are roles (`@hard`, `@ink/.4`), resolved in the browser on every draw, so that a
theme flip needs no rerun.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import plotly
import streamlit as st

from app.live.chart_protocol import Card, Message, Said
from app.live.feed import LIVE, STILL, Source, Version

HERE = Path(__file__).parent
STATIC = HERE.parent / "static"
BUILT = STATIC / "built"
Pick = Callable[[str], None]
LOADER = """
const { default: draw, style, atOnce } = await import(new URL("FILE", document.baseURI).href);
const sheet = new CSSStyleSheet();
sheet.replaceSync(style);
export default function (given) {
  const home = given.parentElement.getRootNode();
  if (!home.adoptedStyleSheets.includes(sheet)) home.adoptedStyleSheets = [...home.adoptedStyleSheets, sheet];
  return draw({ ...given, setTriggerValue: atOnce(given.setTriggerValue) });
}
"""


def serve_plotly() -> None:
    """Copy the installed plotly.min.js to where the dashboard serves files from.

    So it needs no network, and no second copy in git.
    """
    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    target = STATIC / "plotly.min.js"
    if not target.is_file() or target.stat().st_size != source.stat().st_size:
        shutil.copyfile(source, target)


def _read(*names: str) -> str:
    return "".join((HERE / name).read_text(encoding="utf-8") for name in names)


def define(name: str, *with_: str) -> Any:
    """Register an element made of its own script and style, the shared ones and those of `with_`.

    Streamlit repeats an element's script and style in every message to the browser, each second where a
    chart is live. So they are served as one file under a name that changes with its contents, and the
    element itself is two lines.
    """
    style = json.dumps(_read("shared.css", f"{name}.css"))
    source = _read("shared.js", *(f"{w}.js" for w in with_), f"{name}.js")
    script = f"{source}\nexport {{ atOnce }};\nexport const style = {style};\n"
    served = BUILT / f"{name}-{hashlib.sha256(script.encode()).hexdigest()[:12]}.js"
    if not served.is_file():
        BUILT.mkdir(exist_ok=True)
        for old in BUILT.glob(f"{name}-*.js"):
            old.unlink(missing_ok=True)
        half = served.with_suffix(f".{os.getpid()}")
        half.write_text(script, encoding="utf-8")
        half.replace(served)  # another process that starts now must not serve half a file
    loader = LOADER.replace("FILE", f"app/static/built/{served.name}")
    return st.components.v2.component(f"showdown_{name}", js=loader, html="<div class='root'></div>")


serve_plotly()
_chart_card = define("chart_card", "plotly", "wire", "feed")
_pulse = define("pulse", "wire", "feed")
_warm = define("warm", "plotly", "patience", "entries")
_step_bar, _sum_table, _marked_text, _group, _log_view, _sample_list, _problem_time = map(
    define, ("step_bar", "sum_table", "marked_text", "group", "log_view", "sample_list", "problem_time")
)
_arms_table, _session_end = map(define, ("arms_table", "session_end"))
_curve_editor = define("curve_editor", "curve_laws")


def chart_card(key: str, card: Card) -> None:
    """A titled card around a Plotly figure that keeps its zoom when its data change.

    `card` is made by app.charts.
    """
    message = Message(card)
    _card(key, STILL.source(message.version, lambda: message), lives=False)


def live_card(key: str, name: Hashable, make: Callable[[], Said], lives: bool = True) -> None:
    """A chart card that grows: the browser fetches what is new while it is in view, without a page run.

    `name` tells the chart from all others, for every viewer. `make` is called in any thread: it must read
    no session. `lives`: the browser asks again and again; else once, and whenever the page is drawn.
    """
    _card(key, LIVE.source(name, make), lives)


def _card(key: str, source: Source, lives: bool) -> None:
    if source.place is None:
        message = source.make()
        source.place = {k: message.card[k] for k in ("title", "height")} if isinstance(message, Said) else {}
    _chart_card(
        key=key, data={"token": source.token, "live": lives, **source.place}, on_gone_change=lambda: None
    )


def pulse(
    key: str, name: Hashable, version: Callable[[], str], drawn: str, last: bool = False, spacing: float = 2.5
) -> None:
    """Redraw the fragment around it once `version` differs from the one `drawn`; shows nothing itself.

    It does so only while somebody looks at the page, and at most every `spacing` seconds. Each fragment
    has its own: a callback that asks for other fragments undoes a press that Streamlit makes one run with
    it. `name` and `version` are to the feed what those of a live card are. `last`: it does not ask before
    the charts of the page have been drawn for the first time.
    """
    source = LIVE.source(name, lambda: Version(version()))
    data = {"token": source.token, "drawn": drawn, "last": last, "spacing": 1000 * spacing}
    _pulse(key=f"pulse-{key}", data=data, on_moved_change=lambda: None)


def warm() -> None:
    """Prepare the browser for the next page; shows nothing.

    The browser loads what charts are drawn with, opens the next page only once the server has what was
    typed on this one, and makes one entry of its history for each press.
    """
    _warm(key="warm")


def session_end(seconds: float) -> None:
    """Reload the page when its sign-in is over, in `seconds` or because it was ended; shows nothing."""
    _session_end(key="session-end", data={"seconds": round(seconds)})


def step_bar(key: str, data: dict[str, Any], pick: Callable[[int], None]) -> None:
    """One cell per step, coloured by reward.

    `pick` is called with the chosen step before the page runs again.
    """
    _step_bar(key=key, data=data, on_step_change=lambda: pick(int(st.session_state[key]["step"])))


def sum_table(key: str, data: dict[str, Any]) -> None:
    """How a total came about: score x weight = adds, with a running bar."""
    _sum_table(key=key, data=data)


def marked_text(key: str, text: str, spans: Sequence[tuple[int, int, str]], **more: Any) -> None:
    """Untrusted text with (start, end, class) spans marked.

    `more` takes `tokens` as (start, end, -log p), shaded; `facts` as (name, value, class, what it is)
    below the text; `label` for screen readers.
    """
    _marked_text(key=key, data={"text": text, "spans": spans, **more})


def group(key: str, data: dict[str, Any], pick: Pick) -> None:
    """The completions of one prompt as small cards."""
    _picking(_group, key, data, pick)


def sample_list(key: str, data: dict[str, Any], pick: Pick) -> None:
    """Samples as rows, one of them chosen."""
    _picking(_sample_list, key, data, pick)


def arms_table(key: str, data: dict[str, Any], pick: Pick) -> None:
    """Arms as rows, scores as columns; `pick` is called with "arm~score" of the pressed number."""
    _arms_table(key=key, data=data, on_open_change=lambda: pick(str(st.session_state[key]["open"])))


def problem_time(key: str, data: dict[str, Any], pick: Pick) -> None:
    """The groups of a problem, run by run and step by step."""
    _picking(_problem_time, key, data, pick)


def _picking(element: Any, key: str, data: dict[str, Any], pick: Pick) -> None:
    """Draw an element once: `pick` is called with what was chosen before the page runs again."""
    element(key=key, data=data, on_pick_change=lambda: pick(str(st.session_state[key]["pick"])))


def log_view(key: str, data: dict[str, Any]) -> None:
    """The end of a growing log.

    `data` holds `text`, `note`, `empty` (headline, sentence) and, for a failure, `cause`.
    """
    _log_view(key=key, data=data)


def curve_editor(key: str, data: dict[str, Any], moved: Callable[[], None]) -> None:
    """A schedule with handles.

    `moved` is called when a handle was released, and finds its state in `st.session_state[key]`.
    """
    _curve_editor(key=key, data=data, on_moved_change=moved)
