"""The house keeps its shape: arrows, light processes, docstrings, budgets, and a README whose tree is the
real one."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO

PACKAGES = ("app", "cli", "core", "migrations", "worker")
HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")
SOURCES = sorted(
    p for package in PACKAGES for p in (REPO / package).rglob("*.py") if "versions" not in p.parts
)
REGISTRIES = ("core/rewards/components",)
CACHES = {"__pycache__"}
TREE = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)


def names(package: str, leave_out: tuple[str, ...] = ()) -> list[str]:
    found = []
    for path in sorted((REPO / package).rglob("*.py")):
        dotted = ".".join(path.relative_to(REPO).with_suffix("").parts).removesuffix(".__init__")
        if not dotted.startswith(leave_out):
            found.append(dotted)
    return found


@pytest.mark.slow
def test_import_contracts_hold() -> None:
    made = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=REPO, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stdout


PAGES = sorted((REPO / "app" / "views").glob("*/page.py"))
LIGHT = {
    "core": names("core"),
    "app": names(
        "app", ("app.main", *(f"app.views.{page.parent.name}.page" for page in PAGES))
    ),  # scripts that draw when imported; what they import is here
    "cli": names("cli", ("cli.__main__",)),
    "the supervising worker": [
        "worker.supervise.celery_app",
        "worker.supervise.supervisor",
        "worker.supervise.reaper",
        "worker.tiny",
        "worker.training.train",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("side", LIGHT)
def test_a_light_side_loads_nothing_heavy(side: str) -> None:
    """Static contracts cannot see what a third-party package pulls in; a fresh process can."""
    heavy = HEAVY if side != "core" else (*HEAVY, "streamlit", "plotly")
    code = f"import sys, importlib\nfor n in {LIGHT[side]!r}: importlib.import_module(n)\n"
    code += f"print([h for h in {heavy!r} if h in sys.modules])"
    # -I: no current directory, no PYTHONPATH, as for an installed program; warnings of Streamlit's bare mode go to stderr.
    made = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, cwd=REPO
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout.strip() == "[]"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(REPO)))
def test_file_is_one_documented_idea(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is, who calls it, what it must not know"
    assert text.count("\n") <= 400, "a file is one idea; split it"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"


def as_text(call: ast.Call) -> bool:
    """It reads or writes a file as text."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    modes = [a.value for a in call.args[:1] if isinstance(a, ast.Constant)]
    return name in ("read_text", "write_text") or (
        name == "open" and bool(modes) and modes[0] in ("r", "w", "a", "x", "a+", "r+")
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(REPO)))
def test_a_text_is_utf_8_whatever_the_locale_is(path: Path) -> None:
    calls = [
        node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call) and as_text(node)
    ]
    bare = [call.lineno for call in calls if "encoding" not in [k.arg for k in call.keywords]]
    assert bare == [], f"lines {bare} of {path.name} use the encoding of the locale"


def rooms_of(package: str) -> set[str]:
    return {p.name for p in (REPO / package).iterdir() if (p / "__init__.py").is_file()}


def test_the_readme_shows_the_real_rooms() -> None:
    text = (REPO / "README.md").read_text()
    assert text.count("\n") <= 150, "the README is the way in; the rest belongs in docs/"
    tree = next(block for block in TREE.findall(text) if block.startswith("core/"))
    assert tree.count("\n") <= 30
    rooms_by_package: dict[str, set[str]] = {}
    for line in tree.splitlines():
        names_on_line = re.findall(r"(?<![\w/])([\w-]+)/", line)
        if not line.startswith(" "):
            package = names_on_line.pop(0)
            rooms_by_package[package] = set()
        rooms_by_package[package].update(names_on_line)
    for package in PACKAGES:
        assert rooms_by_package[package] == rooms_of(package) - {"versions"}, f"README's rooms of {package}"
    assert rooms_by_package["tests"] == {p.name for p in (REPO / "tests").iterdir() if p.is_dir()} - CACHES


@pytest.mark.parametrize("package", ("app", "core", "worker"))
def test_the_architecture_page_names_every_room(package: str) -> None:
    text = (REPO / "docs" / "architecture.md").read_text()
    missing = [room for room in rooms_of(package) if f"`{room}`" not in text]
    assert missing == []


def test_a_room_holds_at_most_14_modules() -> None:
    """Registries with one thing a file aside."""
    folders = {path.parent for path in SOURCES}
    count_by_room = {
        str(folder.relative_to(REPO)): sum(p.name != "__init__.py" for p in folder.glob("*.py"))
        for folder in folders
    }
    assert {room: n for room, n in count_by_room.items() if n > 14 and room not in REGISTRIES} == {}


# a helper's argument and what it is given
GIVEN_KEYS = {"app/views/samples/filters.py": {"key": ("gold", "cut", "dead")}}


def bound_keys(path: Path) -> list[str]:
    """The keys of a file's widgets that are bound to the URL; one made of parts as its template."""
    tree = ast.parse(path.read_text())
    constants = [(t, n.value) for n in tree.body if isinstance(n, ast.Assign) for t in n.targets]
    names = {ast.unparse(t): ast.unparse(value) for t, value in constants}
    given = GIVEN_KEYS.get(str(path.relative_to(REPO)), {})
    found: list[str] = []
    for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
        words = {k.arg: ast.unparse(k.value) for k in call.keywords if k.arg}
        if words.get("bind") == "'query-params'":
            key = words["key"]
            found += given[key] if key in given else [names.get(key, key).strip("'")]
    return found


def test_a_bound_key_is_one_widget() -> None:
    """Streamlit keeps a bound value under its key when the page changes: another widget with that key
    takes it."""
    found = [key for path in SOURCES if path.is_relative_to(REPO / "app") for key in bound_keys(path)]
    assert len(found) > 40, "the bound keys are not found"
    assert [key for key in found if found.count(key) > 1] == []


def said_as_it_is(said: ast.expr) -> bool:
    """A text written here, or one that went through html.plain."""
    if isinstance(said, ast.BoolOp):
        return all(map(said_as_it_is, said.values))
    return isinstance(said, ast.Constant | ast.JoinedStr) or ast.unparse(said).startswith("html.plain(")


@pytest.mark.parametrize("path", [p for p in SOURCES if "st.toast(" in p.read_text()], ids=lambda p: p.name)
def test_a_toast_reads_no_markdown_in_what_is_not_ours(path: Path) -> None:
    """An error or a warning holds names and addresses from elsewhere."""
    calls = [
        n
        for n in ast.walk(ast.parse(path.read_text()))
        if isinstance(n, ast.Call) and ast.unparse(n.func) == "st.toast"
    ]
    assert all(said_as_it_is(call.args[0]) for call in calls)


TESTS = sorted((REPO / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda p: str(p.relative_to(REPO)))
def test_what_tests_share_lies_in_support(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not re.match(r"tests\..*\btest_", node.module or ""), (
                f"{node.module}: move what is shared to tests/support"
            )


FILLER = frozenset(
    "found said made known kept wanted shown told given asked seen drawn taken gone held left spent done chosen read "
    "whole what where here there at of then now before after mine theirs ours one other rest why how most least both "
    "same among over behind beside".split()
)
"""Participles and pronouns that say nothing of what a variable holds."""
FILLER_BUDGET = 0.02
TUPLES_PER_1000_LINES = 2.0


def local_names(function: ast.AST) -> set[str]:
    """Names that a function binds, without those of functions inside it."""
    names_bound = set()
    nodes = list(ast.iter_child_nodes(function))
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names_bound.add(node.id)
        nodes += ast.iter_child_nodes(node)
    return names_bound


def is_tuple_assignment(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Tuple)
        and any(isinstance(target, ast.Tuple) for target in node.targets)
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_local_names_are_nouns_and_a_line_is_one_statement(package: str) -> None:
    total = 0
    filler = []
    n_tuples = 0
    n_lines = 0
    for path in (p for p in SOURCES if p.is_relative_to(REPO / package)):
        text = path.read_text()
        n_lines += text.count("\n")
        for node in ast.walk(ast.parse(text)):
            n_tuples += is_tuple_assignment(node)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                bound = local_names(node)
                total += len(bound)
                filler += [f"{path.relative_to(REPO)}:{node.name}: {name}" for name in sorted(bound & FILLER)]
    assert len(filler) <= FILLER_BUDGET * total, filler
    assert n_tuples <= TUPLES_PER_1000_LINES * n_lines / 1000
