"""Commands as people and scripts call them."""

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli, Done


def data(done: Done) -> dict[str, Any]:
    """The JSON of a run that went well and said nothing on stderr."""
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    assert next(iter(document)) == "schema_version"
    return document


def test_a_report_on_logs_leaves_nothing_behind(inside: Cli, log: str, tmp_path: Path) -> None:
    done = inside("report", log)
    assert (done.returncode, done.stderr) == (0, "")
    assert "chat" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == [log]


def test_the_same_log_gives_the_same_bytes(cli: Cli, inside: Cli, log: str, tmp_path: Path) -> None:
    first = cli("report", log, "--json")
    assert data(first)["totals"]["calls"] == 80
    assert [p.name for p in tmp_path.iterdir()] == [log]
    assert inside("report", log, "--json").stdout == first.stdout


def test_a_store_is_filled_once_and_asked_often(inside: Cli, log: str, tmp_path: Path) -> None:
    assert data(inside("ingest", log, "--json"))["new_calls"] == 80
    assert data(inside("ingest", log, "--json"))["new_calls"] == 0
    assert (tmp_path / ".costscope" / "store.duckdb").is_file()
    assert (tmp_path / ".costscope" / ".gitignore").is_file()
    assert data(inside("report", "--json"))["totals"]["calls"] == 80
    assert "80" in inside("sql", "select count(*) as n from calls").stdout


def test_the_store_can_be_elsewhere(inside: Cli, log: str, tmp_path: Path) -> None:
    assert inside("ingest", log, "--db", "a/b.duckdb").returncode == 0
    assert (tmp_path / "a" / "b.duckdb").is_file()
    env = {"COSTSCOPE_DB": "a/b.duckdb"}
    assert data(inside("report", "--json", env=env))["totals"]["calls"] == 80


@pytest.mark.parametrize(
    ("filters", "calls"),
    [
        (("--feature", "chat"), 60),
        (("--feature", "c*", "--feature", "search"), 80),
        (("--model", "gpt-4o*"), 80),
        (("--since", "2026-11-12"), 48),
        (("--until", "2026-11-12"), 48),
        (("--since", "2026-11-12", "--until", "2026-11-12"), 16),
        (("--since", "20261114", "--feature", "chat"), 12),
    ],
)
def test_filters(inside: Cli, log: str, filters: tuple[str, ...], calls: int) -> None:
    assert data(inside("report", log, "--json", *filters))["totals"]["calls"] == calls


def test_a_day_is_what_the_time_zone_says(inside: Cli, log: str) -> None:
    utc = data(inside("report", log, "--json", "--since", "2026-11-12"))["totals"]["calls"]
    east = ("-z", "Pacific/Kiritimati")
    assert (
        data(inside("report", log, "--json", "--since", "2026-11-12", *east))["totals"]["calls"]
        > utc
    )


def test_one_run_writes_many_files(inside: Cli, log: str, tmp_path: Path) -> None:
    done = inside("report", log, "-o", "r.json", "-o", "r.md", "-o", "r.txt")
    assert done.returncode == 0
    assert (tmp_path / "r.txt").read_text() == done.stdout
    assert json.loads((tmp_path / "r.json").read_text())["schema_version"]
    assert (tmp_path / "r.md").read_text().startswith("## ")


def test_logs_from_stdin(cli: Cli, log: str, tmp_path: Path) -> None:
    done = cli("report", "-", "--json", stdin=(tmp_path / log).read_text())
    assert data(done)["totals"]["calls"] == 80


def test_levers_are_chosen_by_flag_and_set_by_option(inside: Cli, log: str) -> None:
    found = data(inside("simulate", log, "--route", "--set", "routing.output_ratio=1.5", "--json"))
    (lever,) = found["levers"]
    assert lever["name"] == "routing"
    assert lever["settings"]["output_ratio"] == 1.5


def test_recommendations_are_limited(inside: Cli, log: str) -> None:
    assert len(data(inside("recommend", log, "--json", "--top", "1"))["levers"]) <= 1
    assert data(inside("recommend", log, "--json", "--min-savings", "1e9"))["levers"] == []


def test_settings_are_shown_with_their_origin(inside: Cli, tmp_path: Path) -> None:
    (tmp_path / "costscope.toml").write_text("[levers.history]\nturns = 4")
    document = data(inside("config", "show", "--json", env={"COSTSCOPE_TZ": "Asia/Tokyo"}))
    shown = {s["key"]: (s["value"], s["origin"]) for s in document["settings"]}
    assert shown["levers.history.turns"] == (4, "costscope.toml")
    assert shown["timezone"] == ("Asia/Tokyo", "COSTSCOPE_TZ")
    assert shown["db"] == (".costscope/store.duckdb", "default")


def test_a_price_is_shown_with_its_source(inside: Cli) -> None:
    done = inside("prices", "show", "gpt-4o", "--at", "2026-11-20")
    assert done.returncode == 0, done.stderr
    assert "genai-prices" in done.stdout
    assert "2.5" in done.stdout


@pytest.mark.parametrize(
    "query",
    [
        "delete from calls",
        "select 1; select 2",
        "copy calls to 'x.csv'",
        "select * from 'log.jsonl'",
    ],
)
def test_sql_reads_the_store_and_nothing_else(
    inside: Cli, log: str, tmp_path: Path, query: str
) -> None:
    assert inside("ingest", log).returncode == 0
    done = inside("sql", query)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "x.csv").exists()


def test_colour_only_where_it_is_wanted(inside: Cli, log: str) -> None:
    plain = inside("report", log).stdout
    assert "\x1b" not in plain
    assert "\x1b[" in inside("report", log, env={"FORCE_COLOR": "1"}).stdout
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert inside("report", log, env={"FORCE_COLOR": "1", **env}).stdout == plain
    assert inside("report", log, env={"FORCE_COLOR": "0", "NO_COLOR": ""}).stdout == plain


def test_a_log_cannot_steer_the_terminal(inside: Cli, tmp_path: Path) -> None:
    row = {"model": "gpt-4o", "prompt_tokens": 5, "completion_tokens": 5, "feature": "\x1b[2Jx\ny"}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    for env in ({}, {"FORCE_COLOR": "1"}):
        done = inside("report", "x.jsonl", "--group-by", "feature", env=env)
        assert done.returncode == 0, done.stderr
        assert "\x1b[2J" not in done.stdout
        assert "\\x1b[2Jx\\ny" in done.stdout


def test_output_is_utf8_whatever_the_locale(cli: Cli, tmp_path: Path) -> None:
    row = {"model": "gpt-4o", "prompt_tokens": 5, "completion_tokens": 5, "feature": "漢字"}
    (tmp_path / "x.jsonl").write_text(json.dumps(row))
    done = cli("report", "x.jsonl", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.returncode == 0, done.stderr
    assert "漢字" in done.stdout


def test_a_shell_is_told_what_may_come_next(inside: Cli) -> None:
    shell = {"_COSTSCOPE_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    done = inside(env={**shell, "COMP_WORDS": "costscope re"})
    assert done.stdout.split() == ["report", "recommend"]
    done = inside(env={**shell, "COMP_WORDS": "costscope simulate --ro", "COMP_CWORD": "2"})
    assert done.stdout.split() == ["--route"]
