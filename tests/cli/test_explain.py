"""`explain` as people call it: a call by id, beginning or place, a lever by name, and what it ends with."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import ROOT, Cli

SAMPLE = ROOT / "tests" / "readers" / "samples" / "anthropic_messages.jsonl"
Golden = Callable[[str, str], None]


def first_id() -> str:
    record = json.loads(SAMPLE.read_text(encoding="utf-8").splitlines()[1])
    return str(record["response"]["id"])


def test_a_call_by_id_beginning_and_place(cli: Cli, inside: Cli, log: str) -> None:
    assert inside("ingest", log).returncode == 0
    shown = [cli("explain", "chat-1000-7-0")]
    shown += [inside("explain", word) for word in (f"{log}:15", f"./{log}:15")]
    assert [done.returncode for done in shown] == [0, 0, 0], shown[0].stderr
    assert len({done.stdout for done in shown}) == 1
    assert "Call chat-1000-7-0" in shown[0].stdout
    assert "feature chat, session s7" in shown[0].stdout
    assert inside("explain", "chat-1000-7-0", log).stdout == shown[0].stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("chat-1000-7",), "means 2 calls: chat-1000-7-0, chat-1000-7-1"),
        (("nobody",), "no call has this id"),
        (("log.jsonl:999",), "none stands at such a place"),
        (("chat-1000-7-0", "--feature", "search"), "no call has this id"),
        (("chat-1000-7-0", "--width", "0"), "--width"),
        ((), "Missing argument"),
        (("routing", "--set", "routing.nothing=1"), "routing"),
    ],
)
def test_what_cannot_be_explained_ends_with_2(
    inside: Cli, log: str, words: tuple[str, ...], said: str
) -> None:
    assert inside("ingest", log).returncode == 0
    done = inside("explain", *words)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout
    (line,) = done.stderr.splitlines()
    assert said in line


def test_no_store_and_no_log_end_with_2(inside: Cli) -> None:
    done = inside("explain", "msg_1")
    assert done.returncode == 2
    assert "no store here" in done.stderr


def test_a_lever_is_explained_with_and_without_a_log(inside: Cli, log: str) -> None:
    alone = inside("explain", "batch")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert "name LOGS" in alone.stdout
    with_log = inside("explain", "batching", log, "--json")
    data = json.loads(with_log.stdout)
    assert data["lever"] == "batching"
    assert data["figures"]["baseline"]["calls"] == 80
    set_ = inside("explain", "cache", "--set", "prompt_cache.ttl=1h", "--json")
    ttl = next(s for s in json.loads(set_.stdout)["settings"] if s["name"] == "ttl")
    assert ttl["value"] == "1h"


def test_text_is_shown_only_when_asked_and_from_the_log(inside: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(SAMPLE.read_bytes())
    assert inside("ingest", "a.jsonl").returncode == 0
    plain = inside("explain", first_id(), "--json")
    assert plain.returncode == 0, plain.stderr
    assert not any("text" in part for part in json.loads(plain.stdout)["parts"])
    told = inside("explain", first_id(), "--text", "--width", "12", "--json")
    texts = [part["text"] for part in json.loads(told.stdout)["parts"]]
    assert any(texts)
    assert all(len(text) <= 12 for text in texts if text)
    (tmp_path / "a.jsonl").unlink()
    gone = inside("explain", first_id(), "--text")
    assert (gone.returncode, gone.stdout) == (2, "")
    assert "a.jsonl: the log is not there any more" in gone.stderr


def test_what_people_see(inside: Cli, golden: Golden) -> None:
    done = inside("explain", first_id(), str(SAMPLE), "--text", "--width", "50")
    assert (done.returncode, done.stderr) == (0, "")
    # The price data has a digest of its own, which any new row of it changes.
    shown = re.sub(r"data \S+ \(\w+\)", "data", done.stdout.replace(str(ROOT), ""))
    golden("explain.txt", shown)
    markdown = inside("explain", first_id(), str(SAMPLE), "-f", "md").stdout
    assert markdown.startswith("## Call ")
    assert "total |" in markdown
