"""What a completion says: its text without thoughts, and without what follows the end of the model's turn.

`reply` blanks out what is not said and keeps every other character in its place, so that spans in the reply are spans in
the completion. Time is linear in the text's length.

A thought is what stands between a known pair of marks, or from an opening mark to the end. The pairs are built in and not a
setting: models print a handful of spellings, a mark looks like nothing else, and a run must not depend on a setting that
nobody would think of. `opened` handles the marks that a chat template already puts into the prompt.
"""

import re

NAMES = r"(?:[a-z]{1,12}:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis|inner_?monologue)"
OPENING = (
    rf"<{NAMES}(?:\ [^<>\n]{{0,60}})?> | \[THINK\] | \u25c1think\u25b7 | <\|(?:begin_of_thought|START_THINKING|inner_prefix)\|>"
    r"| <\|(?:begin_of_thinking|think(?:ing)?)\|> | <\|channel\|>\ ?(?:analysis|commentary)\b | <\|channel>thought"
    r"| <unused94>thought | (?-i:\Aanalysis(?=[A-Z0-9(]))"  # gpt-oss where special tokens are left out
)
CLOSING = (
    rf"</{NAMES}> | \[/THINK\] | \u25c1/think\u25b7 | <\|(?:end_of_thought|END_THINKING|inner_suffix)\|>"
    r"| <\|(?:end_of_thinking|/think(?:ing)?)\|> | <\|channel\|>\ ?final(?:<\|message\|>)? | <channel\|> | <unused95>"
    r"| (?-i:assistantfinal)"
)
MARKS = re.compile(rf"(?=[<\[\u25c1Aa])(?:(?P<opening>{OPENING})|{CLOSING})", re.VERBOSE | re.IGNORECASE)
OPENED = re.compile(rf"(?:{OPENING})\s*(?:(?:{CLOSING})\s*)?\Z", re.VERBOSE | re.IGNORECASE)
# Tokens that stand inside a turn; any other `<|name|>` ends one.
INSIDE = (
    r"begin_of_(?:text|box|solution|thought|thinking|sentence)|end_of_(?:box|solution|thought|thinking)|START_\w+|END_(?:THINKING"
    r"|RESPONSE)|inner_\w+|channel|message|constrain|start|/?think(?:ing)?|startoftext|bos|begin\u2581of\u2581\w+"
)
END_OF_TURN = re.compile(
    rf"""(?=[<\[])(?:
    <[|\uff5c](?!(?:{INSIDE})[|\uff5c]>) (?!end\|>\s*<\|start\|>\s*assistant) [\w/\u2581-]{{1,40}}[|\uff5c]>
    | </s> | <(?:eos|pad|EOT|end_of_turn|start_of_turn|endofturn|turn\||\|turn)>
    | \[\|\w{{1,20}}\|\] | \[/?INST\] | \[(?:EOS|PAD)\])""",
    re.VERBOSE,
)
TOKEN = re.compile(rf"<[|\uff5c](?:{INSIDE})[|\uff5c]>|\A\s*<(?:s|bos)>")
TAG = re.compile(r"<[/|A-Za-z]")
TAIL = 400  # characters of a prompt in which its template may have opened a thought


def opened(prompt: str) -> str:
    """What the end of a rendered prompt already wrote of the completion: `<think>\\n`, an empty thought, or nothing."""
    mark = OPENED.search(prompt[-TAIL:])
    return mark.group() if mark else ""


def _spaces(match: re.Match[str]) -> str:
    return " " * len(match.group())


def reply(text: str, begun: str = "") -> str:
    """The part of a completion that is said, with spaces where a thought or a token stands; shorter where the turn ends.

    `begun`: what `opened` says of its prompt. A thought that nothing closes lasts to the end of the text. A closing mark
    without an opening one makes everything before it a thought: the opening one stood in the prompt.
    """
    if begun:
        thinking = not _closed(begun)
    elif not _marked(text):
        return text
    else:
        thinking = False
    text = _turn(text)
    thoughts: list[tuple[int, int]] = []
    begin = 0  # of the thought that is being read
    for mark in MARKS.finditer(text):
        if mark["opening"] is None:
            thoughts = thoughts if thinking else []
            thoughts.append((begin if thinking else 0, mark.end()))
            thinking = False
        elif not thinking:  # a mark inside a thought is part of it
            begin = mark.start()
            thinking = True
    if thinking:
        thoughts.append((begin, len(text)))
    return TOKEN.sub(_spaces, _without(text, thoughts))


def _marked(text: str) -> bool:
    """It may hold a mark or a token; asked first, since most texts hold none."""
    if ("<" in text and TAG.search(text)) or "[" in text or text.startswith("analysis") or "assistantfinal" in text:
        return True
    return not text.isascii()


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts, place = [], 0
    for start, end in spans:
        parts += [text[place:start], " " * (end - start)]
        place = end
    return "".join(parts) + text[place:]


def _closed(begun: str) -> bool:
    marks = list(MARKS.finditer(begun))
    return not marks or marks[-1]["opening"] is None


def _turn(text: str) -> str:
    """The text up to the first token that ends a turn in which something was said."""
    begin = 0
    struck = text.find("<s>", 1 + len(text) - len(text.lstrip()))  # HTML strikes text out with the tags `<s>` and `</s>`
    for token in END_OF_TURN.finditer(text):
        if 0 <= struck < token.start() and token.group() == "</s>":
            continue
        if text[begin : token.start()].strip():
            return text[: token.start()]
        begin = token.end()
    return text
