"""Formulas are compared in a process of their own: what one may cost, and what becomes of it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.grading import symbolic
from core.grading.answers import extract, matches
from core.grading.symbolic import Comparer, same_expression
from tests.conftest import wait_for

ENDLESS = ("x+1E9999999", "72")  # sympy writes it out
RIGHT = (r"\frac{1}{7}", r"\frac{2}{14}")


@pytest.fixture(scope="module")
def comparer() -> Iterator[Comparer]:
    """A process of this file's, with sympy loaded."""
    made = Comparer()
    assert made.compare(*RIGHT)
    yield made
    made._end()


def running(comparer: Comparer) -> subprocess.Popen[bytes]:
    process = comparer._process
    assert process
    return process


@pytest.mark.slow
def test_what_computes_without_end_is_ended_and_the_next_pair_is_compared(comparer: Comparer) -> None:
    before = running(comparer)
    assert not comparer.compare(*ENDLESS)
    assert before.returncode == -signal.SIGXCPU, (
        "it has a time of the processor, which nothing in it can put off"
    )
    assert comparer.compare(*RIGHT)


@pytest.mark.slow
def test_what_wants_more_memory_than_there_is_gets_none(comparer: Comparer) -> None:
    said = """
import resource
from core.grading import formulas
formulas.MOST_BYTES = 2**29
formulas.SECONDS = 60
formulas.load = lambda: None
formulas.same = lambda answer, gold: len(bytearray(2**30)) > 0
formulas.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", said], input=b'["x", "y"]\n', capture_output=True, check=False
    )
    assert b"MemoryError" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda pid: _stands_still(pid), id="a machine stood still"),
        pytest.param(lambda pid: os.kill(pid, signal.SIGKILL), id="something else ended it"),
    ],
)
def test_what_happens_to_the_process_makes_no_right_answer_wrong(
    comparer: Comparer, happens: Callable[[int], object]
) -> None:
    happens(running(comparer).pid)
    assert comparer.compare(*RIGHT)


def _stands_still(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(2, os.kill, (pid, signal.SIGCONT)).start()


@pytest.mark.slow
def test_it_is_asked_again_where_it_dies_in_the_middle_and_no_more_than_once(comparer: Comparer) -> None:
    said = list[bool]()
    asking = threading.Thread(target=lambda: said.append(comparer.compare(*ENDLESS)))
    killed = running(comparer).pid
    asking.start()
    wait_for("the comparison to begin", lambda: _computes(killed))
    os.kill(killed, signal.SIGKILL)
    asking.join(60)
    assert said == [False]


def _computes(pid: int) -> bool:
    """Its state is R: it is not waiting for a pair."""
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "R"


@pytest.mark.slow
def test_threads_and_forks_are_answered_what_the_main_thread_is() -> None:
    assert same_expression("y+3", "3+y")
    said = list[bool]()
    threads = [
        threading.Thread(target=lambda n=n: said.append(same_expression(f"y+{n}", f"{n}+y")))
        for n in range(4, 8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [True] * 4


@pytest.mark.slow
def test_a_fork_has_a_process_of_its_own_and_leaves_none_behind() -> None:
    said = """
import os, sys
from core.grading.symbolic import COMPARER, same_expression
print(same_expression("y+1", "1+y"), COMPARER._process.pid, flush=True)
if not (child := os.fork()):
    print(same_expression("y+2", "2+y"), COMPARER._process.pid, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(same_expression("y+3", "3+y"), COMPARER._process.pid, flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", said], capture_output=True, text=True, check=False
    )
    (_, of_parent), (_, of_fork), (_, still) = lines = [line.split() for line in done.stdout.splitlines()]
    assert [verdict for verdict, _ in lines] == ["True"] * 3 and not done.stderr
    assert of_parent == still != of_fork
    for pid in (of_parent, of_fork):
        wait_for("its pipe has ended it", lambda pid=pid: not os.path.exists(f"/proc/{pid}"))


@pytest.mark.slow
def test_the_first_formula_has_its_time_for_itself() -> None:
    """What it loads would otherwise come out of it: on a busy machine the first right answer was a wrong one."""
    said = r"""
import json, sys
from core.grading import formulas
formulas.load()
before = set(sys.modules)
for text in (r"\sqrt[99999]{9999999}", r"\frac{3}{8}", "y+2", "(3,4)", r"7 \cdot 3"):
    formulas.same(text, "72")
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == []


HOSTILE = [
    "x+1E9999999",
    "1E999999",
    "1.5E999999y",
    "2x=1E999999",
    "x+1e{9999999}",
    "x+1 E 9999999",
    "x-1.E+9999999",
    "x^{9}+1E9999999",
    "E9999999",
    "x+E^{999}",
    r"1\times 10^{9999999}",
    r"x\cdot 9^{9^{9}}",
    "x+" + "9" * 100 + "!",
    r"\sqrt{1E999999}",
    "1E-999999x",
    r"\frac{1E999999}{7}",
    "(1E999999,2)",
    r"\begin{pmatrix}1E999999\end{pmatrix}",
    "x_1E999999",
    "0x1E999999",
    "1_000E999999",
    "(" * 50 + "x" + ")" * 50,
    "{" * 60 + "x" + "}" * 60,
    r"\sqrt" * 20 + "x",
    "x^2" * 30,
    r"\frac{x}{" * 9 + "1" + "}" * 9,
    r"\sin" * 28 + "x",
    "+" * 118 + "x",
    "-" * 118 + "x",
    r"\left(" * 15 + "x" + r"\right)" * 8,
    "x!" * 40,
    "((x+1)^{99}+1)^{9}",
    r"(x+y+z+w)^{99}",
    r"(a+b+c+d+e+f+g)^{31}=0",
    r"\sqrt{x+\sqrt{y+\sqrt{z+\sqrt{w}}}}",
    "x<y<z<1E9999",
    r"\{1E9999\}\cup\{2\}",
]


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("formula", HOSTILE)
@pytest.mark.parametrize("gold", ["72", "x+2"])
def test_no_formula_takes_long(formula: str, gold: str) -> None:
    began = time.process_time()
    assert not matches(extract(rf"so \boxed{{{formula}}}"), gold)
    assert time.process_time() - began < 1, "this process hardly computes: the limits are another's"


PIECES = st.sampled_from(
    [
        "1E9",
        "9",
        "99999",
        "E",
        "e+",
        "^",
        "{",
        "}",
        "^{9}",
        "!",
        "x",
        "y",
        "+",
        "-",
        "*",
        "/",
        "=",
        "<",
        ",",
        "(",
        ")",
        ".",
        " ",
        "\\frac{",
        "\\sqrt",
        "\\cdot",
        "\\times",
        "\\pi",
        "\\infty",
        "\\cup",
        "\\begin{pmatrix}",
        "\\end{pmatrix}",
        "&",
        "\\\\",
        "_",
        "\\log",
        "\\sin",
        "\ud800",
        "\x00",
        "\n",
    ]
)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(max_examples=200)
@given(
    st.lists(PIECES, max_size=40).map("".join),
    st.integers(0, 64_000),
    st.sampled_from(["72", "x+2", "(1,2)", r"\frac{1}{3}"]),
)
def test_any_text_is_judged_in_seconds(formula: str, before: int, gold: str) -> None:
    text = "so " * (before // 3) + rf"\boxed{{{formula}}}"
    began = time.monotonic()
    matches(extract(text), gold)
    matches(extract("####" + text, "lenient"), formula)  # what a data file brings
    assert time.monotonic() - began < symbolic.PATIENCE / 2
