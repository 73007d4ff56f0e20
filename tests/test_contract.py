"""Every plug-in that the registry finds keeps its folder's contract, one that is dropped in too."""

import os
from pathlib import Path

import pytest

from costscope import plugins
from costscope.errors import SettingsError
from tests import contract
from tests.hard_report import REPORT

READER = '''"""A format of the test's own: lines with a field `mine`."""

from typing import Any, ClassVar

from costscope.model import Call
from costscope.readers.interface import RecordReader


class Mine(RecordReader):
    """Reads nothing but its own field."""

    about: ClassVar[str] = "made up for a test"

    def score(self, record: dict[str, Any]) -> float:
        return 1.0 if "mine" in record else 0.0

    def call(self, raw: bytes | memoryview) -> Call | None:
        return Call(model="m") if b'"mine"' in bytes(raw) else None
'''
LEVER = '''"""A what-if of the test's own: nothing changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from costscope.levers.interface import Lever

if TYPE_CHECKING:
    from costscope.model import Workload


@dataclass(frozen=True)
class Idle(Lever):
    """Leaves everything as it is."""

    title: ClassVar[str] = "Do a thing"
    title: ClassVar[str] = "Leave everything"
    stage: ClassVar[str] = "routing"
    flag: ClassVar[str] = "idle"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "low"
    rewrites_prompts: ClassVar[bool] = False

    days: int = 7

    def apply(self, workload: Workload) -> Workload:
        return workload

    def action(self, before: Workload, after: Workload) -> str:
        return "Do nothing."
'''
RENDERER = '''"""An output of the test's own: the title."""

from typing import ClassVar

from costscope.model import Report
from costscope.renderers.interface import Renderer


class Title(Renderer):
    """The name of the report and nothing else."""

    suffixes: ClassVar[tuple[str, ...]] = (".title",)

    def render(self, report: Report) -> str:
        return report.name + "\\n"
'''


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one plug-in of each kind, named in COSTSCOPE_PLUGINS."""
    for folder, name, source in (
        ("readers", "mine", READER), ("levers", "idle", LEVER), ("renderers", "title", RENDERER),
    ):  # fmt: skip
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.py").write_text(source)
    monkeypatch.setenv(plugins.ENV, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", plugins.names("readers"))
def test_reader(name: str) -> None:
    contract.reader(name)


@pytest.mark.parametrize("name", plugins.names("levers"))
def test_lever(name: str) -> None:
    contract.lever(name)


@pytest.mark.parametrize("name", plugins.names("renderers"))
def test_renderer(name: str) -> None:
    contract.renderer(name, REPORT)


@pytest.mark.parametrize("folder", ["readers", "levers", "renderers"])
def test_a_folder_lists_its_files(folder: str) -> None:
    files = Path(plugins.__file__).parent.joinpath(folder).glob("*.py")
    names = {f.stem for f in files if not f.stem.startswith("_")} - {"interface"}
    assert set(plugins.names(folder)) == names
    assert names


def test_flags_and_suffixes_have_one_owner() -> None:
    stages = {(cls.flag, cls.stage) for cls in plugins.all_of("levers").values()}
    assert len(stages) == len({flag for flag, _ in stages})
    suffixes = [s for cls in plugins.all_of("renderers").values() for s in cls.suffixes]
    assert len(suffixes) == len(set(suffixes))


@pytest.mark.usefixtures("dropped_in")
def test_dropped_in_files_keep_the_same_contracts() -> None:
    contract.reader("mine")
    contract.lever("idle")
    contract.renderer("title", REPORT)


@pytest.mark.usefixtures("dropped_in")
def test_dropped_in_files_are_listed_beside_the_others() -> None:
    assert {"mine", "openai_chat"} <= set(plugins.names("readers"))
    assert {"idle", "routing"} <= set(plugins.names("levers"))
    assert {"title", "json"} <= set(plugins.names("renderers"))


def test_a_file_without_a_plugin_is_refused_by_name(dropped_in: Path) -> None:
    (dropped_in / "renderers" / "empty.py").write_text('"""Nothing."""\n')
    both = dropped_in / "renderers" / "twice.py"
    both.write_text(RENDERER + RENDERER.replace("class Title", "class Again"))
    os.environ[plugins.ENV] += os.pathsep  # the folder is looked at anew
    with pytest.raises(SettingsError, match=r"empty\.py should define one Renderer, it has 0"):
        plugins.load("renderers", "empty")
    with pytest.raises(SettingsError, match=r"twice\.py should define one Renderer, it has 2"):
        plugins.load("renderers", "twice")


def test_an_unknown_plugin_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(SettingsError, match=r"no renderer is called 'xml'; there are: .*json"):
        plugins.load("renderers", "xml")


def test_a_plugin_folder_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(plugins.ENV, "no/such/folder")
    with pytest.raises(SettingsError, match="no/such/folder, which is no folder"):
        plugins.names("readers")
