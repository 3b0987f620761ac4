"""Answers as public models and data sets write them: each kind of spelling, with the value that it has and
those it has not.

Where a text can be read in two ways, or not to its end, it states no answer: never a wrong number.
"""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.grading.answers import AnswerRule, extract, matches, read_gold
from core.grading.replies import opened, reply
from core.grading.symbolic import same_expression
from core.rewards.components.format import Params, well_formed

RULES: tuple[AnswerRule, ...] = ("strict", "lenient")

# LaTeX around the number of a `####` line or in running prose. All are right under the lenient rule.
IN_LATEX = [
    ("#### 9{,}500", "9500"),
    ("So the profit is $9{,}500$ dollars.", "9500"),
    ("#### $1{,}250{,}000$", "1250000"),
    (r"#### \$1{,}250", "1250"),
    (r"#### $12\,500$", "12500"),
    (r"#### \(9{,}500\)", "9500"),
    (r"#### $\mathbf{9{,}500}$", "9500"),
    (r"#### 9,\!500", "9500"),
    (r"#### 9\ 500", "9500"),
    (r"#### \textbf{72}", "72"),
    (r"The total is \(1{,}234.50\) dollars.", "1234.5"),
    ("Thus $x = 9{,}500$.", "9500"),
    (r"So he pays \$9{,}500 in all.", "9500"),
    (r"He has $\frac{3}{4}$ left.", "0.75"),
    (r"The answer is $72\text{ cm}^2$.", "72"),
    (r"The answer is $\$72$.", "72"),
    (r"The answer is $72\%$.", "72"),
    (r"#### 72\text{ cm}^2", "72"),
    (r"**Answer:** $72\,\mathrm{km/h}$", "72"),
    (r"The area is $72~\mathrm{m}^2$.", "72"),
    (r"the answer is $1.5\times10^{3}$", "1500"),
]
# What stands in a box beside 72.
BOXES = [
    r"72\ \text{cm}", r"72\;\text{m}", r"\$\,72", r"72\,\%", r"72\text{ cm}^2", r"72\,\text{cm}^{2}",
    r"72~\mathrm{m}", r"72\mathrm{~m}",
    r"72\ \mathrm{km/h}", r"72\,\text{m/s}^2", "72 cm^2", r"72\quad\text{cm}", r"\$72", r"\$ 72",
    r"72\ \%", r"72 \text{ square units}",
    r"72\text{ units}^3", r"72\text{ miles per hour}", r"\text{Rs. }72", r"72\;\mathrm{cm}^3",
    r"72\,\mathrm{m\,s^{-1}}", r"72\,\mathrm{kg\,m^2\,s^{-2}}", r"\SI{72}{m/s}", r"\qty{72}{km}", r"72\,\Omega",
    r"72\,\mu\text{m}",
    r"72\:\text{g}", r"72\!\text{ kg}",
    r"\textbf{72}", "{72}", r"72^{\circ}", r"72^\circ\text{C}", r"\left(72\right)",
    r"72 \frac{\text{miles}}{\text{hour}}",
    r"72\text{ percent}", r"\color{red}{72}",
    r"\textcolor{red}{72}",
     r"\text{72 apples}", "72元", r"\text{Total}=72", "48+24=72", r"\displaystyle 72",
    r"72\,\$", r"\approx 72",
    "72.", r"72 \text{ (apples)}", r"\text{Total: }72",
]  # fmt: skip
# Spellings of the gold answer 72, and of a few others.
GOLDS = [
    r"\boxed{72}", "$72$", r"\$72", "72 apples", "72 dollars", r"72\text{ cm}^2", "72%", "#### 72",
    r"\(72\)", "72.", "**72**", "72元",
    "x = 72", "72 руб", r"$\boxed{72}$", "USD 72", r"\text{72}", "72 miles per hour", r"\$72.00",
    "seventy-two",
    "The answer is 72",
]  # fmt: skip
OTHER_GOLDS = [
    ("#### 8880", "8{,}880"),
    ("#### 9500", "$9{,}500$"),
    ("#### 3.5", "3 and a half"),
    ("#### 0.5", "1\u20442"),
    ("#### 1234", "1'234"),
    (r"\boxed{4}", r"\boxed{4}"),
]
# Units and letters of any script beside the digits: all state 72.
UNITS = [
    "#### 72元", "答案是72\u3002", "72руб", "#### 72個", "答えは72です", "정답은 72입니다.",
    "답: 72개", "72원", "Ответ: 72 рубля", "Ответ: 72 кг.", "总共72个苹果", "#### \uffe572",
    "答案\uff1a72", "答案是72\u3002检查\uff1a3步", "72平方厘米", "72千克", "#### 72km", "#### 72USD", "#### US$72",
    "#### 72\u20ac", "72 \u20bd", "So 72cm.",
    "72dollars", "#### 72 cm\u00b2", "The area is 72 m^2.", "72 kg/m^3", "72 km/h", "ตอบ 72บาท",
    "उत्तर 72 रुपये",
    "The answer is 72\u00b0.", "He went 72 times.",
]  # fmt: skip
WHOLE = [
    ("#### 1'234", "1234"),
    ("The answer is 12\u2019345\u2019678", "12345678"),
    ("12'000.50 CHF", "12000.5"),
    ("#### 1_000", "1000"),
    ("#### 1\u20442", "0.5"),
    ("1\u22152", "0.5"),
    ("3 1\u20442", "3.5"),
    ("The answer is 3 and a half", "3.5"),
    ("3-and-a-half", "3.5"),
    ("5 and a quarter hours", "5.25"),
    ("The answer is 3\u215a", "23/6"),
    ("72 million", "72000000"),
    ("The answer is 2.5 thousand.", "2500"),
]
# A part of a numeral or of an expression is not the answer.
PARTS = [
    ("#### 9{,}500", "9"), ("So the profit is $9{,}500$ dollars.", "500"), ("so 9{,}5", "9"),
    ("so 9{,}5", "5"), (r"So 7\,2", "2"),
    ("#### 1'234", "1"), ("#### 1\u20442", "1"), ("The answer is 3 and a half", "3"),
    ("12\u2019345\u2019678", "678"), ("the answer is 5'6\"", "5"),
    ("#### 72万", "72"), ("#### 3万5千", "3"), ("72тыс", "72"), ("72 тыс. руб.", "72"), ("72 млн", "72"),
    ("3时半", "3"),
    ("#### 3 с половиной", "3"), ("4分之3", "3"), ("4分之3", "4"), ("the answer is 3 y media", "3"),
    ("3 et demi", "3"),
    ("The answer is 2 million.", "2"), ("the answer is 3 hours 45 minutes", "3"),
    ("the answer is 5 feet 6 inches", "5"),
    ("the answer is 70 to 80", "70"), ("the answer is between 70 and 80", "80"),
    ("the answer is 70\u00b15", "70"), ("70~80", "80"),
    ("the answer is 3 : 4", "3"), ("the answer is 2\u03c0", "2"), (r"the answer is 2 \pi", "2"),
    ("the answer is 5x", "5"), ("the answer is 5 x", "5"),
    ("the answer is 72 + e", "72"), ("#### x+1", "1"), ("#### x + 1", "1"),
    ("the answer is \u221a72", "72"), ("the answer is 3\u221a2", "2"),
    ("the answer is 3 and two thirds", "3"), ("the answer is 3 and a bit", "3"),
    ("the answer is two thirds", "2"),
    ("the answer is two and a half", "2"), ("The answer is 1.234.567", "1.234"),
    ("the answer is 1 234", "1"), ("the answer is 5 squared", "5"),
    ("the answer is 72 k", "72"),
    ("The answer is log 72", "72"),
    ("The answer is f(72)", "72"), ("The answer is x_{72}", "72"), ("2**72", "72"),
    (r"$\sqrt[3]{72}$", "72"), ("72 Millionen Euro", "72"), ("the answer is 12_5", "12"), ("the answer is 7/x", "7"),
    ("72 \u00f7 2", "2"), ("the answer is 3.5 million", "3.5"),
]  # fmt: skip
# Boxes that are not 72, though a parser that drops what it cannot read says so.
NOT_72 = [
    r"72 + \mathrm{e}", r"72\mathrm{e}", r"72\mathrm{x^{2}}", r"72\,\mathrm{e^{-1}}", r"72\mu",
    r"72\text{ thousand}", "72x", "72 x", r"72\text{k}",
    r"72 \text{ or } 73", r"72\pi", "72!",
    r"72 \pm 1", r"\sqrt{72}", "72_8", r"72 \mod 5", r"72 \text{ and } 73", r"72\times x",
    r"\approx 72 + y", r"72 \heartsuit", "72 @ 3",
]  # fmt: skip


@pytest.mark.parametrize(("text", "gold"), [*IN_LATEX, *((text, "72") for text in UNITS), *WHOLE])
def test_a_number_is_read_whole(text: str, gold: str) -> None:
    assert matches(extract(text, "lenient"), gold)


@pytest.mark.parametrize(("text", "gold"), PARTS)
def test_a_part_of_a_number_is_not_read(text: str, gold: str) -> None:
    for rule in RULES:
        assert not matches(extract(text, rule), gold)


@pytest.mark.parametrize("content", BOXES)
def test_a_box_may_hold_a_unit_and_spaces(content: str) -> None:
    answer = extract(rf"\boxed{{{content}}}")
    assert answer is not None and answer.value == 72


@pytest.mark.parametrize("content", NOT_72)
def test_nothing_in_a_box_is_dropped(content: str) -> None:
    assert not matches(extract(rf"\boxed{{{content}}}"), "72")


@pytest.mark.parametrize(("text", "gold"), [*(("#### 72", gold) for gold in GOLDS), *OTHER_GOLDS])
def test_gold_answers_are_cleaned_as_answers_are(text: str, gold: str) -> None:
    assert matches(extract(text), gold)


@pytest.mark.parametrize(
    "gold",
    ["x+1", "#### x+1", r"\frac{1}{2}", "(C)", r"\text{Friday}", "New York", "June 20", "(3,4)", "p - q",
    "6-5i", "1,3,5",
     r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"3\sqrt{2}", r"(-\infty, 3]", r"\text{June 20}"],
)  # fmt: skip
def test_expressions_choices_and_words_are_gold_answers_too(gold: str) -> None:
    reading = read_gold(gold)
    assert reading is not None
    assert matches(extract(rf"\boxed{{{reading.text}}}"), gold)


@pytest.mark.parametrize(
    "gold",
    ["", "####", "?", "72 or 73", "72 dollars and 50 cents", "between 70 and 80", "3 hours 45 minutes"],
)
def test_a_gold_answer_that_cannot_be_read_is_none(gold: str) -> None:
    assert read_gold(gold) is None


SAID = [
    # text, answer under the lenient rule
    ("<think>\nhalf of 48 is 24, so April plus", None),
    ("<thinking>#### 24", None),
    ("<reasoning>so 24", None),
    ("[THINK]24", None),
    ("\u25c1think\u25b724 so", None),
    ("<|channel|>analysis<|message|>so 71", None),
    ("analysisWe get 71", None),  # gpt-oss without its special tokens
    ("<think>#### 24</think>", None),  # thought, not said
    ("[THINK]so the answer is 71[/THINK]She has 72.", "72"),
    ("\u25c1think\u25b771\u25c1/think\u25b772", "72"),
    (
        "<|channel|>analysis<|message|>71<|end|><|start|>assistant<|channel|>final<|message|>#### 72<|return|>",
        "72",
    ),
    ("analysisWe get 71.assistantfinal#### 72", "72"),
    ("<thought>71</thought> It is 72", "72"),
    ("<Think>71</Think>72", "72"),
    ("<seed:think>71</seed:think>72", "72"),
    ("<|begin_of_thought|>71<|end_of_thought|><|begin_of_solution|>72<|end_of_solution|>", "72"),
    ("<|START_THINKING|>71<|END_THINKING|><|START_RESPONSE|>72<|END_RESPONSE|>", "72"),
    ("<reasoning>\n71\n</reasoning>\n<answer>\n72\n</answer>", "72"),
    ("a 71</think>72", "72"),  # the prompt opened it
    ("#### 72\n<think>is it 71", "72"),  # said before the thought
    ("<think>a<think>b</think>#### 72", "72"),
    ("The answer is <|begin_of_box|>72<|end_of_box|>.", "72"),
    ("She struck out <s>71</s> 72", "72"),
]


@pytest.mark.parametrize(("text", "stated"), SAID)
def test_what_is_thought_is_not_said(text: str, stated: str | None) -> None:
    answer = extract(text, "lenient")
    assert (answer.text if answer else None) == stated
    assert answer is None or text[answer.start : answer.end] == answer.text


ENDS = [
    "</s>", "<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|endoftext|>", "<|return|>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>", "<|end|>",
    "<|eom_id|>", "<eos>", "<|END_OF_TURN_TOKEN|>", "[|endofturn|]",
    "<|im_end|>\n<|im_start|>user\nAnd 5?", "\n<|im_end|>\n", "<|user|>",
    "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n5", "</s><s>[INST] 5", "<pad><pad>", "<|EOT|>",
    "<turn|>",
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_a_turn_is_no_part_of_it(end: str) -> None:
    for text in ("#### 72", r"so \boxed{72}"):
        assert matches(extract(text + end), "72")
        assert well_formed(text + end, Params(marker="either"))


@pytest.mark.parametrize(
    ("text", "lenient"),
    [
        (r"\boxed{24} ... \boxed{2", None),  # the last statement breaks off
        (r"The answer is 24. \boxed{", None),
        ("#### 24\n\\boxed{\\frac{1}{2", None),
        (r"I put it in \boxed{}. The answer is 24.", "24"),  # an empty box is spoken of
        (r"\boxed{24} and in \boxed{}", "24"),
    ],
)
def test_a_box_that_breaks_off_is_no_answer(text: str, lenient: str | None) -> None:
    answer = extract(text, "lenient")
    assert (answer.text if answer else None) == lenient


@pytest.mark.parametrize(
    ("prompt", "begun"),
    [
        ("<|im_start|>assistant\n<think>\n", "<think>\n"),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", "<think>\n\n</think>\n\n"),
        # thinking is switched off
        ("<\uff5cAssistant\uff5c><think>\n", "<think>\n"),
        ("<think>a</think>\nWhat is 2+2?", ""),
        ("What is 2+2?", ""),
    ],
)
def test_what_a_prompt_has_begun(prompt: str, begun: str) -> None:
    assert opened(prompt) == begun


def test_a_thought_that_the_prompt_opened_lasts_until_it_is_closed() -> None:
    assert extract("half is 24", "lenient", "<think>\n") is None
    assert matches(extract("half is 24</think>\n#### 72", "strict", "<think>\n"), "72")
    assert matches(extract("#### 72", "strict", "<think>\n\n</think>\n\n"), "72")


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        (r"\frac{1}{2^{98}}", r"\frac{1}{2^{99}}", False),  # both are 0 to six digits
        (r"\frac{1}{2^{98}}", "2^{-98}", True),
        ("10^{-9}", "0", False),
        ("3.1415927", r"\pi", False),
        ("1.41421356", r"\sqrt{2}", False),
        (r"\sqrt{2}+2^{-998}", r"\sqrt{2}", False),
        ("x + 10^{-12}", "x", False),
        ("(1, 10^{-30})", "(1, 10^{-31})", False),
        ("2^{100}", "2^{100}+1", False),
        ("0.3333333", r"\frac{1}{3}", False),
        ("act", "cat", False),  # words, not products of letters
        ("72 + ", "72", False),
        ("12_{3}", "12_3", True),
        ("12_{3}", "12_{4}", False),
        (r"x^2+2x+1", "(x+1)^2", True),
        (r"\frac{\pi}{2}", r"\pi/2", True),
        (r"[1,2)", "[1,2]", False),
        (r"\{1,2\}", r"\{2,1\}", True),
        ("y=2x+1", "y=1+2x", True),
        ("x<3", r"x\leq 3", False),
        (r"\text{(C)}", "C", True),
    ],
)
def test_expressions_are_compared_exactly(answer: str, gold: str, same: bool) -> None:
    assert same_expression(answer, gold) is same


FORMATS = [
    # text, marker, well formed
    (r"\[\boxed{72}\]", "either", True),
    ("\\[\n\\boxed{72}\n\\]\n", "boxed", True),
    ("$$\n\\boxed{72}\n$$", "boxed", True),
    (r"\(\boxed{72}\).", "boxed", True),
    (r"The answer is $\boxed{72}$.", "boxed", True),
    (r"**\boxed{72}**", "boxed", True),
    ("#### **72**", "hashes", True),
    ("**#### 72**", "hashes", True),
    ("#### `72`", "hashes", True),
    (r"#### \$9{,}500", "hashes", True),
    (r"#### 72\%", "hashes", True),
    (r"#### \boxed{72}", "hashes", True),  # one statement in both forms
    (r"#### \boxed{72}", "boxed", True),
    ("<think>so \\boxed{72}</think>\n\\boxed{72}", "boxed", True),
    ("<think>#### 7</think>\n#### 72", "hashes", True),
    ("<think>#### 72", "hashes", False),
    ("#### 72 because", "hashes", False),
    (r"\boxed{72} so", "boxed", False),
    (r"\boxed{72}\text{ cm}", "boxed", False),
    ("#### 7\n#### 7", "hashes", False),
]


@pytest.mark.parametrize(("text", "marker", "expected"), FORMATS)
def test_format_agrees_with_the_answer_rule(text: str, marker: str, expected: bool) -> None:
    assert well_formed(text, Params.model_validate({"marker": marker})) is expected


PIECES = st.lists(
    st.sampled_from(
        ["####", "\\boxed{", "}", "{", "72", "1{,}000", "\\,", "\\text{", "<think>", "</think>", "[THINK]",
        "<|im_end|>", "</s>", "<s>", "$", "$$",
         "\\[", "\\]", "**", " ", "\n", ".", "元", "'", "\u2044", " and a half", "=", "x", "e", "\u200b",
         "answer is", "答案是", "analysis"]
    )
).map("".join)  # fmt: skip


@given(PIECES, st.sampled_from(["", "<think>\n", "<think>\n\n</think>\n\n"]))
def test_format_implies_an_answer_and_spans_hold(text: str, begun: str) -> None:
    said = reply(text, begun)
    assert len(said) <= len(text) and all(c in (" ", text[i]) for i, c in enumerate(said))
    for rule in RULES:
        answer = extract(text, rule, begun)
        matches(answer, "72")
        assert answer is None or text[answer.start : answer.end] == answer.text
    if well_formed(text, Params(marker="either"), begun):
        assert extract(text, "strict", begun) is not None


@given(PIECES)
def test_a_gold_answer_never_raises_and_equals_itself(text: str) -> None:
    reading = read_gold(text)
    if reading is not None and reading.value is not None:
        again = read_gold(reading.text)
        assert again is not None and again.value == reading.value


WAYS = ["{}", "${}$", r"\({}\)", r"\${}", "**{}**", r"\text{{{}}}", r"\boxed{{{}}}"]
SPELLINGS = [
    lambda n: str(n),
    lambda n: f"{n:,}",
    lambda n: f"{n:,}".replace(",", "{,}"),
    lambda n: f"{n:,}".replace(",", "\\,"),
    lambda n: f"{n:,}".replace(",", "'"),
    lambda n: f"{n:,}".replace(",", "\u202f"),
    lambda n: f"{n}.50",
    lambda n: f"{n} 1/2",
    lambda n: f"{n}\\frac{{1}}{{2}}",
    lambda n: f"{n}\u00bd",
    lambda n: f"{n} and a half",
]


@given(st.integers(1, 10**10), st.sampled_from(SPELLINGS), st.sampled_from(WAYS))
def test_a_numeral_equals_its_gold_in_every_spelling(n: int, spell: object, way: str) -> None:
    numeral = spell(n)  # type: ignore[operator]
    value = Fraction(n) + (
        Fraction(1, 2) if any(half in numeral for half in (".50", "1/2", "frac", "\u00bd", "half")) else 0
    )
    text = way.format(numeral) if "frac" not in numeral else f"${numeral}$"
    reading = read_gold(text)
    assert reading is not None and reading.value == value
    for rule in RULES:
        answer = extract(f"work\n#### {text}", rule)
        assert answer is not None and answer.value == value
        assert matches(answer, text) and not matches(answer, str(n + 1))
