"""Small static pieces of prose as HTML: title block, chips, section heads. Called by pages.

Every value is escaped here. Never used for text a model wrote: that goes through elements that set `textContent`.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.untrusted import escape as escape
from app.untrusted import plain as plain
from app.untrusted import visible as visible

Tone = Literal["neutral", "accent", "good", "warn", "bad"]


def unwritten(key: str) -> DeltaGenerator:
    """A place for a button that shows its icon alone; its label is read out, and is what tells it from others like it."""
    return st.container(key=f"unwritten-{key}", width="content")


def square(role: str) -> str:
    """A coloured square; `role` is a colour token such as `hard` or `c1`."""
    return f'<span class="sd-square" style="background:var(--{escape(role)})"></span>'


def chip(text: str, tone: Tone = "neutral", dot: bool = True, why: str = "") -> str:
    """`why`: what is said of it where a pointer rests on it."""
    said = f' title="{escape(why)}"' if why else ""
    return f'<span class="sd-chip sd-{tone}{"" if dot else " plain"}"{said}>{escape(text)}</span>'


def title(
    text: str,
    crumb: str = "",
    sub: str = "",
    role: str = "",
    chips: Sequence[str] = (),
    facts: Iterable[tuple[str, str]] = (),
) -> None:
    """The head of a page: crumb, h1 with colour and chips, a sentence, facts as name and value."""
    parts = [f'<p class="sd-crumb">{escape(crumb)}</p>' if crumb else ""]
    parts.append(f'<div class="sd-title">{square(role) if role else ""}<h1>{escape(text)}</h1>{"".join(chips)}</div>')
    if sub:
        parts.append(f'<p class="sd-sub">{escape(sub)}</p>')
    st.html("".join([*parts, _facts(facts)]))


def _facts(given: Iterable[tuple[str, str]]) -> str:
    shown = "".join(f"<span>{escape(k)} <b>{escape(v)}</b></span>" for k, v in given)
    return f'<div class="sd-facts">{shown}</div>' if shown else ""


def facts(given: Iterable[tuple[str, str]]) -> None:
    """Names and values in a line."""
    st.html(_facts(given))


def lead(parts: Iterable[tuple[str, str]], caveat: str = "") -> None:
    """The answer of a page: words and what they are; names of arms and numbers are bold. `caveat` stands small below."""
    said = "".join(f"<b>{escape(words)}</b>" if kind in ("arm", "number") else escape(words) for words, kind in parts)
    below = f'<p class="sd-note">{escape(caveat)}</p>' if caveat else ""
    st.html(f'<p class="sd-lead">{said}</p>{below}')


def section(number: int | None, question: str, answer: str = "", chips: Sequence[str] = ()) -> None:
    """A section: numbered where the order of reading matters, a head (best a question) and a text that answers it."""
    said = f'<p class="sd-answer">{escape(answer)}</p>' if answer else ""
    mark = "" if number is None else f'<span class="sd-number">{number}</span>'
    st.html(f'<div class="sd-section">{mark}<h2>{escape(question)}</h2>{"".join(chips)}</div>{said}')


def head(text: str, note: str = "", tick: str = "", chips: Sequence[str] = (), why: str = "") -> None:
    """The head of a card. `why`: what is said of the note where a pointer rests on it."""
    mark = f'<span class="sd-tick" style="background:var(--{escape(tick)})"></span>' if tick else ""
    said = f' title="{escape(why)}"' if why else ""
    st.html(f'<div class="sd-head">{mark}<h3>{escape(text)}</h3><span{said}>{escape(note)}</span>{"".join(chips)}</div>')


def term(name: str, what: str, role: str) -> None:
    """A term's name in its colour, and what it rewards."""
    st.html(f'<div class="sd-term">{square(role)}<div><b>{escape(name)}</b><div>{escape(what)}</div></div></div>')


def progress(done: int, of: int, left: str, right: str) -> None:
    """`left`, a bar, `right`."""
    share = 100 * done / of if of else 0
    st.html(
        f'<div class="sd-progress"><span><b>{done}</b> of {of} steps</span><span class="sd-bar" role="progressbar" '
        f'aria-valuenow="{done}" aria-valuemin="0" aria-valuemax="{of}" aria-label="training progress">'
        f'<i style="width:{share:.2f}%"></i></span><span>{escape(left)}</span><span>{escape(right)}</span></div>'
    )


def meter(name: str, used: float, of: float, left: str, right: str) -> None:
    """`name`, a bar of `used` out of `of`, and two notes."""
    share = 100 * used / of if of else 0
    st.html(
        f'<div class="sd-progress"><b>{escape(name)}</b><span class="sd-bar" role="meter" aria-valuenow="{share:.0f}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-label="{escape(name)}"><i style="width:{share:.2f}%"></i></span>'
        f"<span>{escape(left)}</span><span>{escape(right)}</span></div>"
    )


def stack(parts: Sequence[tuple[str, float, str]]) -> None:
    """A bar of (name, size, colour role) parts with its legend; sizes are shown as they are."""
    whole = sum(abs(size) for _, size, _ in parts) or 1.0
    bar = "".join(f'<i style="width:{100 * abs(s) / whole:.3f}%;background:var(--{escape(r)})"></i>' for _, s, r in parts)
    names = "".join(f"<span>{square(r)}{escape(n)} <b>{s:.2f}</b></span>" for n, s, r in parts)
    st.html(f'<div class="sd-stack">{bar}</div><div class="sd-legend">{names}</div>')


def empty(headline: str, text: str, *links: tuple[str, str, str]) -> None:
    """What stands where there is nothing yet, and what to do about it; `links` of (page, label, icon) lead there."""
    st.html(f'<div class="sd-empty{" linked" if links else ""}"><b>{escape(headline)}</b>{escape(text)}</div>')
    if links:
        with st.container(horizontal=True, horizontal_alignment="center"):
            for page, label, icon in links:
                st.page_link(f"views/{page}.py", label=label, icon=f":material/{icon}:")


def note(message: str) -> None:
    """A quiet sentence, as text: what st.caption says as markdown."""
    st.html(f'<p class="sd-note">{escape(message)}</p>')


def fact(name: str, text: str) -> None:
    """A name and what there is to say of it, on one line."""
    st.html(f'<p class="sd-item"><b>{escape(name)}</b> {escape(text)}</p>')


def item(name: str, text: str, href: str, role: str, tone: Tone) -> None:
    """A line of news: a name that links, and what happened to it. `href` is ours."""
    st.html(
        f'<p class="sd-item">{square(role)}<a href="{escape(href)}" target="_self">{escape(name)}</a> '
        f'<span class="sd-{tone}-text">{escape(text)}</span></p>'
    )


def fault(message: str) -> None:
    """A message under the field it belongs to."""
    st.html(f'<p class="sd-fault" role="alert">{escape(message)}</p>')


def remark(message: str) -> None:
    """Something to look at that is no error."""
    st.html(f'<p class="sd-remark">{escape(message)}</p>')


def error_box(kind: str, message: str, log: str = "") -> None:
    """Why something failed, with the end of its log."""
    tail = f"<pre>{escape(log)}</pre>" if log else ""
    st.html(f'<div class="sd-errorbox" role="alert"><b>{escape(kind)}</b> {escape(message)}{tail}</div>')


def remarks(messages: Iterable[str]) -> None:
    """Things to look at that are no errors, one below the other."""
    st.html("".join(f'<p class="sd-remark">{escape(m)}</p>' for m in messages))


def legend(names: Sequence[tuple[str, str]]) -> None:
    """(name, colour role) each."""
    st.html(f'<div class="sd-legend">{"".join(f"<span>{square(role)}{escape(name)}</span>" for name, role in names)}</div>')


def chips(made: Sequence[str]) -> None:
    """A row of chips that `chip` made."""
    st.html(f'<div class="sd-head">{"".join(made)}</div>')
