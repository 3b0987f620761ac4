"""Which paths a config may name: followed to their end, that end lies under a data root; and only that end
is opened."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.common.errors import OutsideRoots
from core.common.settings import Settings
from core.config.experiment import ExperimentConfig
from core.config.local_checks import outside
from core.config.parsing import parse
from core.config.run import ModelConfig, RunConfig
from core.files import data_roots
from tests.conftest import forget_settings
from tests.support.samples import HARD

SECRET, LINE = "the words of another file", '{"question": "2+2?", "answer": "4"}\n'


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a root, `in`, in which the process stands; `out` beside it, which holds a secret."""
    for folder in ("in/data", "out", "in-evil", "home"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "in" / "data" / "x.jsonl").write_text(LINE)
    for folder in ("out", "in-evil"):
        (tmp_path / folder / "x.jsonl").write_text(SECRET)
    for link, target in (
        ("in/inner", "data"), ("in/leads-out", "../out"), ("in/file-out.jsonl", "../out/x.jsonl"), ("in/chain", "leads-out"),
        ("in/loop", "loop"), ("in/a", "b"), ("in/b", "a"), ("in/nowhere", "../out/none"), ("also-in", "in"),
        ("out/back", "../in"),
    ):  # fmt: skip
        (tmp_path / link).symlink_to(target)
    monkeypatch.chdir(tmp_path / "in")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SHOWDOWN_HOME", str(tmp_path / "data-directory"))
    monkeypatch.setenv("SHOWDOWN_DATA_ROOTS", str(tmp_path / "in"))
    forget_settings()
    yield tmp_path
    forget_settings()


READABLE = {
    "from the root": "{tree}/in/data/x.jsonl",
    "from the current directory": "data/x.jsonl",
    "out and in again": "../in/data/../data/x.jsonl",
    "through a link that stays": "inner/x.jsonl",
    "through a link from elsewhere": "{tree}/out/back/data/x.jsonl",
    "through a link to the root": "{tree}/also-in/data/x.jsonl",
    "two slashes at the front": "/{tree}/in/data/x.jsonl",
}


@pytest.mark.parametrize("typed", READABLE.values(), ids=list(READABLE))
def test_what_ends_under_a_root_is_read(typed: str, tree: Path) -> None:
    with data_roots.open_text(Path(typed.format(tree=tree))) as file:
        assert file.read() == LINE
    assert data_roots.fault(typed.format(tree=tree)) == ""


REFUSED = {
    "from the root": "{tree}/out/x.jsonl",
    "up and out": "../out/x.jsonl",
    "up and out below the root's own path": "{tree}/in/../out/x.jsonl",
    "a name that only begins like the root's": "{tree}/in-evil/x.jsonl",
    "another case": "{tree}/IN/data/x.jsonl",
    "a link to a file": "file-out.jsonl",
    "a link to a folder": "leads-out/x.jsonl",
    "a link to a link": "chain/x.jsonl",
    "a link to what is not there": "nowhere",
    "up behind a loop": "loop/../../out/x.jsonl",
    "the user's home": "~/x.jsonl",
    "the home of somebody else": "~root/x.jsonl",
    "the process's own way to the root": "/proc/self/root/etc/passwd",
    "the process's own folder": "/proc/self/cwd/../out/x.jsonl",
    "a device": "/dev/stdin",
    "the root of the machine": "/",
    "nothing there, outside": "/no/such/file",
    "a NUL byte": "data/x.jsonl\0",
    "half a character": "data/\ud800.jsonl",
    "a long path outside": "/" + "x" * 10_000,
}


@pytest.mark.parametrize("typed", REFUSED.values(), ids=list(REFUSED))
def test_what_ends_elsewhere_is_refused_with_the_setting_and_without_its_words(
    typed: str, tree: Path
) -> None:
    typed = typed.format(tree=tree)
    with pytest.raises(OutsideRoots) as raised:
        data_roots.open_text(Path(typed))
    message = str(raised.value)
    assert "SHOWDOWN_DATA_ROOTS" in message or "a character that no path has" in message
    assert not any(word in message for word in ("the words", "out/none")) and len(message) < 900
    assert data_roots.fault(typed) == message
    with pytest.raises(OutsideRoots):
        data_roots.folder(typed)


UNREADABLE = {  # under the root, so that what is wrong with them may be said
    "a loop": "loop",
    "two links to each other": "a",
    "nothing there": "data/none.jsonl",
    "a file as a folder": "data/x.jsonl/x",
    "a folder": "data",
    "the root": ".",
    "a long name": "x" * 300,
    "a long path": "x/" * 5000,
    "a pipe": "pipe",
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("typed", UNREADABLE.values(), ids=list(UNREADABLE))
def test_what_cannot_be_opened_under_a_root_is_an_error_of_the_system(typed: str, tree: Path) -> None:
    os.mkfifo(tree / "in" / "pipe")
    with pytest.raises(OSError, match=r"\w"):
        data_roots.open_text(Path(typed))


def test_a_link_put_there_after_the_path_was_judged_is_not_followed(tree: Path) -> None:
    """A file and a link to a secret take turns under one name; without O_NOFOLLOW the secret is read
    within a second."""
    name, ended = tree / "in" / "turns.jsonl", threading.Event()
    name.write_text(LINE)

    def swap() -> None:
        while not ended.is_set():
            (tree / "link").symlink_to(tree / "out" / "x.jsonl")
            os.replace(tree / "link", name)
            (tree / "file").write_text(LINE)
            os.replace(tree / "file", name)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen: dict[str, int] = {}
    try:
        for _ in range(5000):
            try:
                with data_roots.open_text(name) as file:
                    text = file.read()
            except (OutsideRoots, OSError) as error:
                text = type(error).__name__
            seen[text] = seen.get(text, 0) + 1
    finally:
        ended.set()
        swapping.join()
    assert SECRET not in seen and seen[LINE] and seen["OutsideRoots"], seen


LINKS: dict[str, tuple[Callable[[Path], object], bool]] = {
    "files alone": (lambda f: (f / "config.json").write_text("{}"), True),
    "a link beside it, as in the hub's cache": (
        lambda f: (f / "config.json").symlink_to("../data/x.jsonl"),
        True,
    ),
    "weights from elsewhere": (lambda f: (f / "model.safetensors").symlink_to("../../out/x.jsonl"), False),
    "a folder from elsewhere": (lambda f: (f / "templates").symlink_to("../../out"), False),
    "deeper": (lambda f: ((f / "a").mkdir(), (f / "a" / "x").symlink_to("../../../out/x.jsonl")), False),
}


@pytest.mark.parametrize(("made", "is_taken"), LINKS.values(), ids=list(LINKS))
def test_no_link_in_a_model_folder_leads_out(
    made: Callable[[Path], object], is_taken: bool, tree: Path
) -> None:
    folder = tree / "in" / "model"
    folder.mkdir()
    made(folder)
    if is_taken:
        assert data_roots.folder("inner/../model") == folder.resolve()
    else:
        with pytest.raises(OutsideRoots, match="a link that leads out .* SHOWDOWN_DATA_ROOTS"):
            data_roots.folder(str(folder))


def test_a_folder_of_very_many_files_is_not_searched_whole(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_roots, "MOST_ENTRIES", 5)
    for i in range(6):
        (tree / "in" / "data" / str(i)).touch()
    with pytest.raises(OutsideRoots, match="more than 5 files"):
        data_roots.folder("data")


@pytest.mark.parametrize(
    ("given", "is_path"),
    [
        ("Qwen/Qwen3-4B", False), ("gpt2", False), ("data", True), ("data/x.jsonl", True), ("loop", True), ("/x", True),
        ("./x", True), ("~/x", True), ("~nobody-such/x", True), ("x/../../etc", True), ("a\0b", False), ("x" * 5000, False),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_a_name_on_the_hub_is_told_from_a_path(given: str, is_path: bool, tree: Path) -> None:
    assert data_roots.is_path(given) == is_path


ROOTS = {
    "nothing set": ({}, ["{home}"]),
    "bound to loopback by its number": ({"HOST": "::1"}, ["{home}"]),
    "a database file": ({"DATABASE_URL": "sqlite:////x/y.db"}, ["{home}"]),
    "served": ({"HOST": "0.0.0.0"}, []),
    "served under a name": ({"HOST": "box.example"}, []),
    "behind a proxy that has a name for it": ({"ALLOWED_HOSTS": "showdown.example"}, []),
    "a broker that others reach": ({"BROKER_URL": "redis://box/0"}, []),
    "a database that others reach": ({"DATABASE_URL": "postgresql+psycopg://box/x"}, []),
    "named": ({"DATA_ROOTS": "/a:/b/"}, ["/a", "/b"]),
    "named and served": ({"DATA_ROOTS": "/a", "HOST": "0.0.0.0"}, ["/a"]),
    "in the home": ({"DATA_ROOTS": "~/data"}, ["{home}/data"]),
    "nothing between": ({"DATA_ROOTS": ":/a:: "}, ["/a"]),
    "the whole machine, insisted on": ({"DATA_ROOTS": "/"}, ["/"]),
    "the data directory alone": ({"DATA_ROOTS": "{data}"}, ["{data}"]),
}


@pytest.mark.parametrize(("given", "wanted"), ROOTS.values(), ids=list(ROOTS))
def test_the_roots_by_who_may_queue_runs(
    given: dict[str, str], wanted: list[str], tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"home": str(tree / "home"), "data": str(tree / "data-directory")}
    monkeypatch.delenv("SHOWDOWN_DATA_ROOTS")
    for name, value in given.items():
        monkeypatch.setenv(f"SHOWDOWN_{name}", value.format(**names))
    assert [str(root) for root in Settings().roots] == [
        names["data"],
        *(root.format(**names) for root in wanted),
    ]


def test_a_home_that_is_the_whole_machine_is_no_root(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOWDOWN_DATA_ROOTS")
    monkeypatch.setenv("HOME", "/")  # of a user of a container whom nobody gave one
    assert Settings().roots == [tree / "data-directory"]


@pytest.mark.parametrize(
    ("given", "why"),
    [("data", "does not begin at the root"), ("/a:../b", "does not begin at the root"),
     ("~nobody-such", "does not begin at the root"),
     (":".join(f"/{i}" for i in range(65)), "names 65 folders, more than 64")],
    ids=["relative", "one of several", "the home of nobody", "very many"],
)  # fmt: skip
def test_a_root_that_could_mean_another_place_is_refused(
    given: str, why: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_DATA_ROOTS", given)
    with pytest.raises(ValueError, match=why):
        Settings()


@pytest.mark.parametrize("root", ["{tree}/none", "{tree}/in/loop", "{tree}/in/data/x.jsonl", "/" + "x" * 300])
def test_a_root_that_is_no_folder_lets_nothing_else_in(
    root: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_DATA_ROOTS", root.format(tree=tree))
    forget_settings()
    assert data_roots.fault(str(tree / "out" / "x.jsonl"))
    assert bool(data_roots.fault("data/x.jsonl")) == (not root.endswith("x.jsonl")), "a file may be a root"


def faults_of(values: dict[str, object]) -> list[str]:
    kind = ExperimentConfig if "arms" in values else RunConfig
    return [field for field, _ in outside(parse(kind, values))]


MIX = {"terms": HARD}
JUDGED = {"terms": [{"component": "reward_model", "side": "continuous", "params": {"path": "../out"}}]}
ARMS = {"name": "x", "arms": [{"name": "a", "mix": MIX}]}
FILE = {"data": {"train": {"path": "data/x.jsonl"}}}
FIELDS: dict[str, tuple[dict[str, object], list[str]]] = {
    "nothing of this machine": ({"mix": MIX, "model": {"path": "Qwen/Qwen3-4B"}}, []),
    "a shipped model": ({"mix": MIX, "model": {"path": "tiny"}}, []),
    "a model": ({"mix": MIX, "model": {"path": "../out"}}, ["model.path"]),
    "data to train on": ({"mix": MIX, "data": {"train": {"path": "file-out.jsonl"}}}, ["data.train.path"]),
    "data held out": ({"mix": MIX, "data": {"eval": {"path": "/etc/passwd"}}}, ["data.eval.path"]),
    "data under the root": ({"mix": MIX, "data": {"eval": {"path": "data/x.jsonl"}}}, []),
    "a reward model": ({"mix": JUDGED}, ["mix.terms.0.params.path"]),
    "an arm's reward model": ({"name": "x", "arms": [{"name": "a", "mix": MIX}, {"name": "b", "mix": JUDGED}]},
                              ["arms.1.mix.terms.0.params.path"]),
    "all runs' model": ({**ARMS, "run": {"model": {"path": "/etc"}}}, ["model.path"]),
    "swept models": ({**ARMS, "sweep": {"model.path": ["tiny", "/etc", "../out"]}}, ["model.path"] * 2),
    "what a sweep replaces": ({**ARMS, "run": {"model": {"path": "/etc"}}, "sweep": {"model.path": ["tiny"]}}, []),
    "swept data": ({**ARMS, "run": FILE, "sweep": {"data.train.path": ["/etc/passwd"]}}, ["data.train.path"]),
}  # fmt: skip


@pytest.mark.parametrize(("values", "fields"), FIELDS.values(), ids=list(FIELDS))
def test_every_path_that_a_config_can_name_is_judged(
    values: dict[str, object], fields: list[str], tree: Path
) -> None:
    assert faults_of(values) == fields


def test_a_folder_under_the_name_of_a_model_of_the_hub_is_a_path(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers would load it instead of asking the hub."""
    (tree / "out" / "Qwen").mkdir()
    monkeypatch.chdir(tree / "out")
    assert faults_of({"mix": MIX, "model": {"path": "Qwen"}}) == ["model.path"]
    assert ModelConfig(path="Qwen").path == "Qwen"
