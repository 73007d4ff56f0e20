"""`costscope attribute`: what decided, drafts to paste, and rules that hold."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.ingest.logs import call, write
from tests.ingest.test_learn import asked


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "a.jsonl", [asked(n) for n in range(30)])


def test_a_suggestion_can_be_pasted_and_then_decides(
    inside: Cli, log: Path, tmp_path: Path
) -> None:
    drafted = inside("attribute", "chat", "--suggest", log.name)
    assert (drafted.returncode, drafted.stderr) == (0, "")
    assert len(tomllib.loads(drafted.stdout)["attribute"]["rules"]) >= 2
    (tmp_path / "costscope.toml").write_text(drafted.stdout)
    found = inside("attribute", "chat", log.name, "--json")
    assert found.returncode == 0
    parts = {(p["segment"], p["rule"]): p for p in json.loads(found.stdout)["parts"]}
    assert parts["context", "user"]["calls"] == 30
    assert sum(part["tokens"] for part in parts.values()) == 30 * 207
    assert not any(rule == "learned" for _, rule in parts)


def test_the_table_names_what_decided(inside: Cli, log: Path) -> None:
    done = inside("attribute", "chat", log.name)
    assert done.returncode == 0
    assert "learned: what the traffic of the feature has in common" in done.stdout
    assert [line.split()[:3] for line in done.stdout.splitlines() if "learned  " in line] == [
        ["chat", "context", "learned"], ["chat", "query", "learned"],
    ]  # fmt: skip


def test_json_and_files_have_the_suggestion_too(inside: Cli, log: Path, tmp_path: Path) -> None:
    done = inside("attribute", "*", "--suggest", log.name, "--json", "-o", "s.md")
    (found,) = json.loads(done.stdout)["suggestions"]
    assert (found["feature"], found["role"], found["texts"]) == ("chat", "user", 30)
    assert "# Suggested rules" in (tmp_path / "s.md").read_text()


def test_nothing_to_suggest_is_no_failure(inside: Cli, tmp_path: Path) -> None:
    log = write(tmp_path / "b.jsonl", [call(n) for n in range(9)])
    done = inside("attribute", "chat", "--suggest", log.name)
    assert done.returncode == 0
    assert done.stdout.startswith("# nothing was learned of 'chat'")


def test_an_unknown_feature_is_an_error(inside: Cli, log: Path) -> None:
    done = inside("attribute", "chit", log.name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "costscope: no calls pass the filters, of 30\n"


def test_a_log_that_is_gone_cannot_be_suggested_from(inside: Cli, log: Path) -> None:
    assert inside("ingest", log.name).returncode == 0
    log.unlink()
    assert inside("attribute", "chat").returncode == 0
    done = inside("attribute", "chat", "--suggest")
    assert done.returncode == 2
    assert "the log is not there any more" in done.stderr


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("segment = 'query'\nregex = '(a+)+'", "rule 1: regex: has a repeat inside a repeat"),
        ("segment = 'reply'\nregex = 'a'", "rule 1: segment: should be one of system, context"),
    ],
)
def test_a_bad_rule_ends_every_command_that_has_settings(
    inside: Cli, log: Path, tmp_path: Path, rule: str, told: str
) -> None:
    (tmp_path / "costscope.toml").write_text(f"[[attribute.rules]]\n{rule}\n")
    done = inside("ingest", log.name)
    assert done.returncode == 2
    assert done.stderr.startswith(f"costscope: costscope.toml: attribute.rules, {told}")
    assert not (tmp_path / ".costscope").exists()


def test_ingest_tells_of_other_rules_and_reads_again(
    inside: Cli, log: Path, tmp_path: Path
) -> None:
    assert inside("ingest", log.name).returncode == 0
    settings = "[[attribute.rules]]\nsegment = 'context'\njson = 'kb'\n"
    (tmp_path / "costscope.toml").write_text(settings)
    told = inside("ingest", log.name)
    assert told.returncode == 0
    assert "1 files were read with other [attribute] rules" in told.stdout
    again = json.loads(inside("ingest", "--again", log.name, "--json").stdout)
    assert (again["new_calls"], again["other_rules"]) == (30, 0)


def test_explain_shows_the_text_of_what_a_rule_named(
    inside: Cli, log: Path, tmp_path: Path
) -> None:
    rule = "segment = 'query'\nregex = 'What happened to (?P<span>house [0-9]+)'"
    (tmp_path / "costscope.toml").write_text(f"[[attribute.rules]]\n{rule}\n")
    assert inside("ingest", log.name).returncode == 0
    done = inside("explain", f"{log.name}:3", "--text")
    assert (done.returncode, done.stderr) == (0, "")
    assert "house 2" in [line[-7:] for line in done.stdout.splitlines() if " user " in line]
