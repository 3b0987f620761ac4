"""Small static pieces of prose as HTML: title block, chips, section heads.

Every value is escaped here. Never use this for text a model wrote: that goes through elements that set
`textContent`.
"""

from collections.abc import Iterable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.text.escaping import escape as escape
from app.text.escaping import plain as plain
from app.text.escaping import visible as visible
from app.text.tone import Tone


def unwritten(key: str) -> DeltaGenerator:
    """A container for a button that shows its icon alone.

    The button's label is read out, and tells it from others like it.
    """
    return st.container(key=f"unwritten-{key}", width="content")


def square(role: str) -> str:
    """A coloured square; `role` is a colour token such as `hard` or `c1`."""
    return f'<span class="sd-square" style="background:var(--{escape(role)})"></span>'


def chip(text: str, tone: Tone = "neutral", dot: bool = True, why: str = "") -> str:
    """A status chip; `why` is its tooltip."""
    tooltip = f' title="{escape(why)}"' if why else ""
    return f'<span class="sd-chip sd-{tone}{"" if dot else " plain"}"{tooltip}>{escape(text)}</span>'


def title(
    text: str,
    crumb: str = "",
    sub: str = "",
    role: str = "",
    chips: Sequence[str] = (),
    facts: Iterable[tuple[str, str]] = (),
) -> None:
    """The head of a page: crumb, h1 with colour and chips, a sentence, and facts as name and value."""
    parts = [f'<p class="sd-crumb">{escape(crumb)}</p>' if crumb else ""]
    parts.append(
        f'<div class="sd-title">{square(role) if role else ""}<h1>{escape(text)}</h1>{"".join(chips)}</div>'
    )
    if sub:
        parts.append(f'<p class="sd-sub">{escape(sub)}</p>')
    st.html("".join([*parts, _facts(facts)]))


def _facts(given: Iterable[tuple[str, str]]) -> str:
    spans = "".join(f"<span>{escape(k)} <b>{escape(v)}</b></span>" for k, v in given)
    return f'<div class="sd-facts">{spans}</div>' if spans else ""


def facts(given: Iterable[tuple[str, str]]) -> None:
    """Names and values in a line."""
    st.html(_facts(given))


def lead(parts: Iterable[tuple[str, str]], caveat: str = "") -> None:
    """The answer of a page, as (words, kind) parts; names of arms and numbers are bold.

    `caveat` stands small below.
    """
    sentence = "".join(
        f"<b>{escape(words)}</b>" if kind in ("arm", "number") else escape(words) for words, kind in parts
    )
    below = f'<p class="sd-note">{escape(caveat)}</p>' if caveat else ""
    st.html(f'<p class="sd-lead">{sentence}</p>{below}')


def section(number: int | None, question: str, answer: str = "", chips: Sequence[str] = ()) -> None:
    """The head of a section, best a question, and a text that answers it.

    It is numbered where the order of reading matters.
    """
    answer_html = f'<p class="sd-answer">{escape(answer)}</p>' if answer else ""
    mark = "" if number is None else f'<span class="sd-number">{number}</span>'
    st.html(f'<div class="sd-section">{mark}<h2>{escape(question)}</h2>{"".join(chips)}</div>{answer_html}')


def head(text: str, note: str = "", tick: str = "", chips: Sequence[str] = (), why: str = "") -> None:
    """The head of a card; `why` is the tooltip of its note."""
    mark = f'<span class="sd-tick" style="background:var(--{escape(tick)})"></span>' if tick else ""
    tooltip = f' title="{escape(why)}"' if why else ""
    st.html(
        f'<div class="sd-head">{mark}<h3>{escape(text)}</h3><span{tooltip}>{escape(note)}</span>{"".join(chips)}</div>'
    )


def term(name: str, what: str, role: str) -> None:
    """A term's name in its colour, and what it rewards."""
    st.html(
        f'<div class="sd-term">{square(role)}<div><b>{escape(name)}</b><div>{escape(what)}</div></div></div>'
    )


def progress(done: int, of: int, left: str, right: str) -> None:
    """The count of steps, a progress bar, and two notes."""
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
    """A bar of (name, size, colour role) parts, with a legend that gives each size as it is."""
    total = sum(abs(size) for _, size, _ in parts) or 1.0
    bar = "".join(
        f'<i style="width:{100 * abs(s) / total:.3f}%;background:var(--{escape(r)})"></i>'
        for _, s, r in parts
    )
    names = "".join(f"<span>{square(r)}{escape(n)} <b>{s:.2f}</b></span>" for n, s, r in parts)
    st.html(f'<div class="sd-stack">{bar}</div><div class="sd-legend">{names}</div>')


def empty(headline: str, text: str, *links: tuple[str, str, str]) -> None:
    """A placeholder where there is nothing yet, and what to do about it.

    `links` of (page, label, icon) lead there.
    """
    st.html(
        f'<div class="sd-empty{" linked" if links else ""}"><b>{escape(headline)}</b>{escape(text)}</div>'
    )
    if links:
        with st.container(horizontal=True, horizontal_alignment="center"):
            for page, label, icon in links:
                st.page_link(f"views/{page}/page.py", label=label, icon=f":material/{icon}:")


def note(message: str) -> None:
    """A quiet sentence as plain text; st.caption would read it as markdown."""
    st.html(f'<p class="sd-note">{escape(message)}</p>')


def fact(name: str, text: str) -> None:
    """A name and a text about it, on one line."""
    st.html(f'<p class="sd-item"><b>{escape(name)}</b> {escape(text)}</p>')


def item(name: str, text: str, href: str, role: str, tone: Tone) -> None:
    """A line of news: a linked name, and what happened to it. `href` is ours, not a user's."""
    st.html(
        f'<p class="sd-item">{square(role)}<a href="{escape(href)}" target="_self">{escape(name)}</a> '
        f'<span class="sd-{tone}-text">{escape(text)}</span></p>'
    )


def fault(message: str) -> None:
    """A message under the field it belongs to."""
    st.html(f'<p class="sd-fault" role="alert">{escape(message)}</p>')


def remark(message: str) -> None:
    """Something to look at that is not an error."""
    st.html(f'<p class="sd-remark">{escape(message)}</p>')


def error_box(kind: str, message: str, log: str = "") -> None:
    """Why something failed, with the end of its log."""
    tail = f"<pre>{escape(log)}</pre>" if log else ""
    st.html(f'<div class="sd-errorbox" role="alert"><b>{escape(kind)}</b> {escape(message)}{tail}</div>')


def remarks(messages: Iterable[str]) -> None:
    """Things to look at that are not errors, one below the other."""
    st.html("".join(f'<p class="sd-remark">{escape(m)}</p>' for m in messages))


def legend(names: Sequence[tuple[str, str]]) -> None:
    """A legend of (name, colour role) pairs."""
    st.html(
        f'<div class="sd-legend">{"".join(f"<span>{square(role)}{escape(name)}</span>" for name, role in names)}</div>'
    )


def chips(made: Sequence[str]) -> None:
    """A row of chips made by `chip`."""
    st.html(f'<div class="sd-head">{"".join(made)}</div>')
