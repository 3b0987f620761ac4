"""What a log says: its bytes as a reader sees them, what is new in it, and the first line that says why a
training failed."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.common.log_cause import Cause, excerpt, first_cause
from core.common.logs import clean, news, tail

BYTES = [
    (b"a\r\nb\n", "a\nb\n", "line ends of Windows"),
    (
        b"  0%|  | 0/9\r 50%|# | 4/9\r100%|##| 9/9\ndone\n",
        "100%|##| 9/9\ndone\n",
        "a progress bar: what it said last",
    ),
    (b"  0%|  | 0/9\r 50%|# | 4/9\r", " 50%|# | 4/9", "a bar that has not ended, and returned already"),
    (
        b"\x1b[31mred\x1b[0m \x1b]0;title\x07x \x1b]8;;http://evil\x1b\\link\x1b[2K",
        "red x link",
        "colours, titles, links",
    ),
    (b"\x1b[1A\x1b[Kup \x1b(B\x1bM", "up ", "cursor moves"),
    (b"\x1b[3", "\u241b[3", "a sequence cut short shows that it is there"),
    (
        b"nul \x00 bell \x07 del \x7f",
        "nul \u2400 bell \u2407 del \u2421",
        "what PostgreSQL refuses, and what rings",
    ),
    ("rtl \u202e abc \u2066".encode(), "rtl \u2426 abc \u2426", "what turns the text around"),
    (b"caf\xc3\xa9 \xff\xfe", "caf\u00e9 \ufffd\ufffd", "bytes that are no UTF-8"),
    (b"<script>alert(1)</script> **md** $x$", "<script>alert(1)</script> **md** $x$", "text stays text"),
    (b"", "", "nothing"),
]


@pytest.mark.parametrize(("data", "text", "why"), BYTES, ids=[why for _, _, why in BYTES])
def test_bytes_become_the_lines_a_reader_sees(data: bytes, text: str, why: str) -> None:
    assert clean(data) == text


def test_a_tail_begins_with_a_whole_line() -> None:
    assert (
        tail("ab\ncd\nef\n", 5) == "ef\n"
        and tail("ab\ncd\nef\n", 6) == "cd\nef\n"
        and tail("short", 9) == "short"
    )
    assert tail("x" * 20, 5) == "x" * 5  # one endless line


NEWS = [
    ("", "a\nb\n", "a\nb\n", "the first"),
    ("a\nb\n", "a\nb\n", "", "nothing new"),
    ("a\nb\n", "a\nb\nc\n", "c\n", "one line more"),
    ("a\nb\nc\n", "b\nc\nd\n", "d\n", "the tail has moved on"),
    ("a\n 1%", "a\n 1%x\nb\n", "x\nb\n", "an unfinished line goes on"),
    ("a\n 1%", "a\n 2%\nb\n", " 2%\nb\n", "a progress bar has moved"),
    ("x\nx\nx\n", "x\nx\nx\ny\n", "y\n", "equal lines, none lost"),
    ("s\na\nb\na\nb\n", "a\nb\na\nb\nc\n", "c\n", "a line that comes twice"),
    ("a\nb\n", "y\nz\n", None, "too much came in between"),
    ("endless", "another", None, "no whole line to go by"),
]


@pytest.mark.parametrize(("before", "now", "new", "why"), NEWS, ids=[why for *_, why in NEWS])
def test_what_is_new(before: str, now: str, new: str | None, why: str) -> None:
    assert news(before, now) == new


SITE = "/v/lib/python3.11/site-packages"
CUDA = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 139.72 GiB"
OOM = f"""2026-11-21 09:00:00,000 showdown.train ready after 9.0 s; fresh start
Traceback (most recent call last):
  File "/src/worker/training/train.py", line 74, in train
    return _train(claim, config)
           ^^^^^^^^^^^^^^^^^^^^^
  File "{SITE}/torch/nn/modules/linear.py", line 125, in forward
    return F.linear(input, self.weight, self.bias)
{CUDA}

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/src/worker/training/train.py", line 150, in main
    return train(run_id, attempt, stop)
core.common.errors.OutOfMemory: out of memory: lower per_device_train_batch_size first
"""
HANDLED = """Traceback (most recent call last):
  File "/src/a.py", line 1, in load
KeyError: 'answer'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/src/b.py", line 2, in main
DataError: line 3 has no answer
"""
OLD = f"""--- attempt 1, 2026-11-20 10:00:00
{HANDLED}--- attempt 2, 2026-11-21 10:00:00
"""
FAULT = """2026-11-21 09:00:00,000 showdown.train imports 3.0 s
Fatal Python error: Aborted

Thread 0x00007f01 (most recent call first):
  File "/src/worker/training/train.py", line 50 in _watch_parent
  File "/usr/lib/python3.11/threading.py", line 982 in run

Current thread 0x00007f02 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 327 in wait
  File "/home/me/components/slow.py", line 12 in score
  File "/src/core/rewards/engine.py", line 80 in score

Extension modules: numpy, torch (total: 2)
"""
CAUSES = [
    ("", False, None, "an empty log"),
    (OOM, False, (CUDA, "/src/worker/training/train.py:74 in train", 7), "the CUDA error behind ours, at our innermost line"),
    (HANDLED, False, ("KeyError: 'answer'", "/src/a.py:1 in load", 2), "the first of two, the second while it was handled"),
    (OLD + OOM, False, (CUDA, "/src/worker/training/train.py:74 in train", 18), "an old attempt's failure is not this one's"),
    (OLD, False, None, "this attempt has said nothing yet"),
    (HANDLED + "a line\n" + OOM, False, (CUDA, "/src/worker/training/train.py:74 in train", 17), "a failure before the last"),
    (f'Traceback (most recent call last):\n  File "{SITE}/trl/x.py", line 5, in f\n    g()\nValueError: bad\n', False,
     ("ValueError: bad", f"{SITE}/trl/x.py:5 in f", 3), "all frames are a library's: the innermost"),
    (f'Traceback (most recent call last):\n  File "{SITE}/worker/training/train.py", line 5, in f\n'
     f'  File "{SITE}/numpy/core/x.py", line 6, in g\nValueError: bad\n', False,
     ("ValueError: bad", f"{SITE}/worker/training/train.py:5 in f", 3), "an installed Showdown is ours, numpy/core is not"),
    ("Traceback (most recent call last):\nMemoryError\nrest\n2026-11-21 09:00:01,000 said later\n", False,
     ("MemoryError\nrest", "", 1), "no frame, no message, and a line of another thread"),
    ('Traceback (most recent call last):\n  File "/a.py", line 1, in f\nRuntimeError: sizes differ for M:\n\tsize of a\n\n x',
     False, ("RuntimeError: sizes differ for M:\n\tsize of a", "/a.py:1 in f", 2), "a message of several lines"),
    ('Traceback (most recent call last):\n  File "/src/core/own.py", line 9, in load\n  File "/me/bad.py", line 3\n'
     "    def f(\n         ^\nSyntaxError: '(' was never closed\n", False,
     ("SyntaxError: '(' was never closed", "/me/bad.py:3", 5), "a syntax error is where the file is wrong"),
    ("    raise x\n  File \"/a.py\", line 2, in g\n    h()\nOSError: [Errno 28] No space left on device\n", False,
     ("OSError: [Errno 28] No space left on device", "/a.py:2 in g", 3), "the log was cut in the middle of a traceback"),
    ('Traceback (most recent call last):\n  File "/a.py", line 1, in f\n    g()\n', False,
     ("g()", "", 2), "killed while it was printed"),
    ('[rank1]: Traceback (most recent call last):\n[rank1]:   File "/a.py", line 1, in f\n[rank1]: ValueError: x\n', False,
     ("ValueError: x", "/a.py:1 in f", 2), "torch.distributed names the rank"),
    ("loading\nKilled\n\n", False, ("Killed", "", 1), "no traceback: the last line"),
    (HANDLED + "step 7\n", True, ("step 7", "", 9), "killed by a signal: a survived traceback is not the reason"),
    (FAULT, True, ("Fatal Python error: Aborted", "/home/me/components/slow.py:12 in score", 1), "where it hung"),
    ("terminate called after throwing an instance of 'c10::Error'\n  what():  CUDA error: unspecified launch failure\n", True,
     ("terminate called after throwing an instance of 'c10::Error' what():  CUDA error: unspecified launch failure", "", 0),
     "C++"),
]  # fmt: skip


@pytest.mark.parametrize(("log", "signaled", "wanted", "why"), CAUSES, ids=[why for *_, why in CAUSES])
def test_the_first_cause(log: str, signaled: bool, wanted: tuple[str, str, int] | None, why: str) -> None:
    assert first_cause(log, signaled) == (wanted and Cause(*wanted))


@pytest.mark.parametrize("between", [10, 300, 3000])
def test_an_excerpt_keeps_the_first_cause(between: int) -> None:
    """A long chain pushes its root out of the end that is kept."""
    second = "".join(f'  File "/src/deep.py", line {i}, in again\n' for i in range(between))
    log = OOM.replace('  File "/src/worker/training/train.py", line 150, in main\n', second)
    kept = excerpt("early\n" * 50 + log, 8000)
    found = first_cause(kept)
    assert (
        len(kept) <= 8000
        and found
        and (found.text, found.where) == (CUDA, "/src/worker/training/train.py:74 in train")
    )
    assert ("lines left out]" in kept) == (between > 10) and kept.endswith(
        "lower per_device_train_batch_size first\n"
    )


REAL = [
    ("import json\ntry: json.loads('{')\nexcept ValueError as e: raise RuntimeError('cannot read') from e",
     "json.decoder.JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)", 2),
    ("def f(): raise KeyError('k')\ntry: f()\nexcept KeyError as e:\n  raise ExceptionGroup('g', [ValueError('v')])",
     "KeyError: 'k'", 1),
    ("def f(n): raise ValueError(n)\ndef made(n):\n  try: f(n)\n  except ValueError as e: return e\n"
     "raise ExceptionGroup('g', [ExceptionGroup('inner', [made(1), TypeError('t')]), made(2)])", "ValueError: 1", 1),
    ("raise ExceptionGroup('g', [TypeError('never raised'), ValueError('v')])", "TypeError: never raised", None),
    ("x = (", "SyntaxError: '(' was never closed", 1),
    ("e = ValueError('two\\nlines'); e.add_note('and a note'); raise e", "ValueError: two\nlines\nand a note", 1),
    ("import faulthandler, os; faulthandler.enable()\ndef f(): os.abort()\nf()", "Fatal Python error: Aborted", 2),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "line"), REAL)
def test_the_first_cause_of_what_this_python_prints(
    code: str, text: str, line: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "it.py"
    path.write_text(code)
    made = subprocess.run([sys.executable, str(path)], capture_output=True)
    found = first_cause(clean(made.stderr), signaled=made.returncode < 0)
    assert found and found.text == text, made.stderr.decode()
    assert found.where.startswith(f"{path}:{line}" if line else ""), found.where
