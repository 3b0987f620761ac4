"""Extracts what a completion says: no thoughts, and nothing after the end of the model's turn.

`reply` blanks out what is not said and keeps every other character in its place, so that spans in the reply
are spans in the completion. Time is linear in the text's length.

A thought is the text between a known pair of marks, or from an opening mark to the end. The pairs are built
in and not a setting: models print a handful of spellings, a mark looks like nothing else, and a run must not
depend on a setting that nobody would think of. `opened` handles the marks that a chat template already puts
into the prompt.
"""

import re

NAMES = (
    r"(?:[a-z]{1,12}:)?(?:think(?:ing)?|thoughts?"
    r"|reason(?:ing)?|reflection|scratchpad|analysis|inner_?monologue)"
)
# A mark is a closing one if a group takes part in the match. Each alternative begins with a plain
# character, which makes searching fast.
MARK = (
    rf"<(?:{NAMES}(?:\ [^<>\n]{{0,60}})?>|(/){NAMES}>"
    rf"|\|(?:begin_of_thought|START_THINKING|inner_prefix|begin_of_thinking)\|>"
    r"|\|(end_of_thought|END_THINKING|inner_suffix|end_of_thinking)\|>|\|(/)?think(?:ing)?\|>"
    r"|\|channel\|>\ ?(?:(?:analysis|commentary)\b|(final)(?:<\|message\|>)?)"
    r"|\|channel>thought|(channel\|>)|unused94>thought"
    r"|(unused95>))|\[(/)?THINK\]|\u25c1(/)?think\u25b7"
)
MARKS = re.compile(MARK, re.IGNORECASE)
# gpt-oss's channels where its special tokens are left out.
BARE_CHANNELS = re.compile(rf"\Aanalysis(?=[A-Z0-9(])|(assistantfinal)|{MARK}")
OPENED = re.compile(rf"(?:(?:{MARK})\s*){{1,2}}\Z", re.IGNORECASE)
# Tokens that stand inside a turn; any other `<|name|>` ends one.
INSIDE = (
    r"begin_of_(?:text|box|solution|thought|thinking|sentence)"
    r"|end_of_(?:box|solution|thought|thinking)|START_\w+|END_(?:THINKING"
    r"|RESPONSE)|inner_\w+|channel|message|constrain|start|/?think(?:ing)?"
    r"|startoftext|bos|begin\u2581of\u2581\w+"
)
END_OF_TURN = re.compile(
    rf"""(?=[<\[])(?:
    <[|\uff5c](?!(?:{INSIDE})[|\uff5c]>) (?!end\|>\s*<\|start\|>\s*assistant) [\w/\u2581-]{{1,40}}[|\uff5c]>
    | </s> | <(?:eos|pad|EOT|end_of_turn|start_of_turn|endofturn|turn\||\|turn)>
    | \[\|\w{{1,20}}\|\] | \[/?INST\] | \[(?:EOS|PAD)\])""",
    re.VERBOSE,
)
TOKEN = re.compile(rf"<[|\uff5c](?:{INSIDE})[|\uff5c]>|\A\s*<(?:s|bos)>")
TAG = re.compile(r"<[/|\uff5cA-Za-z]")
BRACKET = re.compile(r"\[(?:[/|]|THINK|INST|EOS|PAD)", re.IGNORECASE)
# each token that ends a turn contains one of these
ENDS = ("|>", "\uff5c>", "</s>", "[", "<e", "<p", "<E", "turn")
TAIL = 400  # characters of a prompt in which its template may have opened a thought


def opened(prompt: str) -> str:
    """The thought marks at the end of a rendered prompt: `<think>\\n`, an empty thought, or nothing.

    The completion continues from them.
    """
    end = OPENED.search(prompt[-TAIL:])
    first = MARKS.match(end.group()) if end else None
    return end.group() if end and first and first.lastindex is None else ""


def _spaces(match: re.Match[str]) -> str:
    return " " * len(match.group())


def reply(text: str, begun: str = "") -> str:
    """The part of a completion that is said, with spaces in place of thoughts and tokens.

    It is shorter than the completion if the turn ends before. `begun`: what `opened` returns for the prompt.
    A thought that nothing closes lasts to the end of the text. A closing mark without an opening one makes
    everything before it a thought: the opening mark was in the prompt.
    """
    if begun:
        thinking = not _closed(begun)
    elif not _marked(text):
        return text
    else:
        thinking = False
    text = _turn(text)
    channels = text.startswith("analysis") or "assistantfinal" in text
    thoughts: list[tuple[int, int]] = []
    begin = 0  # of the thought that is being read
    for mark in (BARE_CHANNELS if channels else MARKS).finditer(text):
        if mark.lastindex is not None:
            thoughts = thoughts if thinking else []
            thoughts.append((begin if thinking else 0, mark.end()))
            thinking = False
        elif not thinking:  # a mark inside a thought is part of it
            begin = mark.start()
            thinking = True
    if thinking:
        thoughts.append((begin, len(text)))
    text = _without(text, thoughts)
    return TOKEN.sub(_spaces, text) if "<" in text else text


def _marked(text: str) -> bool:
    """Whether the text may hold a mark or a token. A quick check, since most texts hold none."""
    if (
        ("<" in text and TAG.search(text))
        or ("[" in text and BRACKET.search(text))
        or text.startswith("analysis")
    ):
        return True
    return "assistantfinal" in text or (not text.isascii() and "\u25c1" in text)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts = []
    place = 0
    for start, end in spans:
        parts += [text[place:start], " " * (end - start)]
        place = end
    return "".join(parts) + text[place:]


def _closed(begun: str) -> bool:
    marks = list(MARKS.finditer(begun))
    return not marks or marks[-1].lastindex is not None


def _turn(text: str) -> str:
    """The text up to the first token that ends a turn in which something was said."""
    if not any(hint in text for hint in ENDS):
        return text
    begin = 0
    # HTML strikes text out with the tags `<s>` and `</s>`
    struck = text.find("<s>", 1 + len(text) - len(text.lstrip()))
    for token in END_OF_TURN.finditer(text):
        if 0 <= struck < token.start() and token.group() == "</s>":
            continue
        if text[begin : token.start()].strip():
            return text[: token.start()]
        begin = token.end()
    return text
