from pathlib import Path

import pytest

from costscope.errors import InputError
from costscope.sources import STDIN, expand


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jsonl", "a.json", "c.parquet", "d.jsonl.gz", "e.LOG.ZST", "deep/f.ndjson"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    for name in ("notes.txt", ".hidden.jsonl", "archive.gz", "deep/readme.md"):
        (tmp_path / name).write_text("{}")
    return tmp_path


def names(folder: Path, *patterns: str) -> list[str]:
    return [str(Path(p).relative_to(folder)) for p in expand(patterns)]


def test_a_folder_stands_for_what_is_named_like_a_log_below_it(folder: Path) -> None:
    assert names(folder, str(folder)) == [
        "a.json", "b.jsonl", "c.parquet", "d.jsonl.gz", "deep/f.ndjson", "e.LOG.ZST",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["run.eval", "issue.traj", "chat.responses", "issue.traj.json"])
def test_what_agents_call_their_logs_is_found_in_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    assert names(tmp_path, str(tmp_path)) == [name]


def test_a_named_file_is_taken_whatever_its_name(folder: Path) -> None:
    assert names(folder, str(folder / "notes.txt")) == ["notes.txt"]


def test_globs_reach_into_folders_and_leave_out_what_cannot_be_read(folder: Path) -> None:
    (folder / "gone.jsonl").symlink_to(folder / "nowhere")
    (folder / "empty").mkdir()
    assert names(folder, f"{folder}/*.json*") == ["a.json", "b.jsonl", "d.jsonl.gz"]
    assert names(folder, f"{folder}/**/*.ndjson", f"{folder}/[de]*") == [
        "d.jsonl.gz", "deep/f.ndjson", "e.LOG.ZST",
    ]  # fmt: skip


def test_a_name_with_brackets_is_a_name_before_it_is_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "log[1].jsonl").write_text("{}")
    assert names(tmp_path, f"{tmp_path}/log[1].jsonl") == ["log[1].jsonl"]


def test_a_file_that_is_named_twice_is_read_once(folder: Path) -> None:
    path = folder / "a.json"
    assert len(expand([str(path), f"{folder}/./a.json", f"{folder}/a.j*"])) == 1
    assert expand([STDIN, STDIN]) == [STDIN]


@pytest.mark.parametrize("pattern", ["nowhere.jsonl", "no/*.jsonl", "x" * 5000, "a\0b", ""])
def test_what_does_not_exist_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        expand([pattern])


def test_a_folder_without_logs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("{}")
    with pytest.raises(InputError, match=r"no logs in this folder \(\.jsonl"):
        expand([str(tmp_path)])


def test_a_device_is_neither_file_nor_folder() -> None:
    with pytest.raises(InputError, match="/dev/null: neither a file nor a folder"):
        expand(["/dev/null"])
