"""The generator writes the logs that are kept, and their bill is the one in their README."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from costscope.tokens import count
from tests.sample_logs.counted import (
    LOGS,
    ROOT,
    agent_rows,
    chat_rows,
    claude,
    in_readme,
    of,
    readme_table,
    records,
    replies,
    rows,
    transcript_rows,
    transcripts,
)  # fmt: skip


def generate(folder: Path) -> dict[str, bytes]:
    """Run the generator as a user does; path → bytes of what it wrote."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    script = [sys.executable, "-B", str(LOGS / "generate.py"), str(folder)]
    subprocess.run(script, check=True, env={**os.environ, "PYTHONPATH": path}, timeout=60)
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*") if p.is_file()
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return generate(tmp_path_factory.mktemp("made"))


def kept() -> dict[str, bytes]:
    """The logs as they stand in the repository."""
    logs = (p for pattern in ("*.jsonl", "*.gz", "*.parquet") for p in LOGS.rglob(pattern))
    return {p.relative_to(LOGS).as_posix(): p.read_bytes() for p in logs}


def test_writes_the_files_that_are_kept(made: dict[str, bytes]) -> None:
    assert sorted(made) == sorted(kept())


def test_writes_the_same_lines(made: dict[str, bytes]) -> None:
    # Packed bytes differ between versions of zlib, what is in them does not.
    for name, content in kept().items():
        if name.endswith(".gz"):
            assert gzip.decompress(made[name]) == gzip.decompress(content), name
        elif name.endswith(".jsonl"):
            assert made[name] == content, name


def test_writes_the_same_table(made: dict[str, bytes], tmp_path: Path) -> None:
    again = tmp_path / "rows.parquet"
    again.write_bytes(made["rows.parquet"])
    assert pq.read_table(again).equals(pq.read_table(LOGS / "rows.parquet"))


def test_a_second_run_is_the_same_byte_for_byte(made: dict[str, bytes], tmp_path: Path) -> None:
    assert generate(tmp_path) == made


def test_packed_files_have_no_time_and_no_name(made: dict[str, bytes]) -> None:
    heads = {content[3:8] for name, content in made.items() if name.endswith(".gz")}
    assert heads == {b"\0\0\0\0\0"}


def test_is_small() -> None:
    assert sum(map(len, kept().values())) < 4_000_000


def test_readme_names_every_feature() -> None:
    assert set(readme_table()) == {row.feature for row in rows()}


@pytest.mark.parametrize("feature", sorted(readme_table()))
def test_calls_and_tokens_are_those_of_the_readme(feature: str) -> None:
    found = of(feature)
    sums = [sum(row.tokens[i] for row in found) for i in range(5)]
    calls = Counter(row.week for row in found)
    counted = [calls[1], calls[2], sum(sums[:4]), sums[1], sums[2] + sums[3], sums[4]]
    assert counted == readme_table()[feature]


def test_totals_are_those_of_the_readme() -> None:
    total = sum(row.cost for row in rows())
    into = sum(sum(row.tokens[:4]) for row in rows())
    out = sum(row.tokens[4] for row in rows())
    assert in_readme(f"{len(rows()):,} calls, {into:,} tokens in and {out:,} out", f"${total:.2f}")


def test_prompt_tokens_of_chats_are_the_text_and_its_framing() -> None:
    billed = [r for r in records("openai_chat.jsonl.gz") if "usage" in r["response"]]
    texts = [[m["content"] for m in r["request"]["messages"]] for r in billed]
    distinct = list(dict.fromkeys(text for some in texts for text in some))
    known = dict(zip(distinct, count(distinct), strict=True))
    for r, some in zip(billed, texts, strict=True):
        expected = sum(known[text] + 3 for text in some) + 3
        assert r["response"]["usage"]["prompt_tokens"] == expected


def test_openai_caches_in_steps() -> None:
    read = [row.tokens[1] for row in chat_rows() if row.tokens[1]]
    assert len(read) > 600
    assert all(tokens % 128 == 0 and tokens >= 1024 for tokens in read)


def test_claude_code_reads_what_the_call_before_read_and_wrote() -> None:
    kept, lost = 0, 0
    for lines in transcripts().values():
        used = [claude(x["message"]["usage"]) for x in replies(lines)]
        for before, after in pairwise(used):
            kept += after[1] == sum(before[1:4])
            lost += after[1] < sum(before[1:4])
    # Two breaks of seventy minutes and two compactions start afresh.
    assert (kept, lost) == (214, 4)


def test_only_the_last_line_of_a_reply_has_the_whole_output() -> None:
    for lines in transcripts().values():
        for last in replies(lines):
            same = [
                x["message"]["usage"]["output_tokens"] for x in lines
                if x["type"] == "assistant" and x["message"]["id"] == last["message"]["id"]
            ]  # fmt: skip
            assert same == sorted(same)
            assert len(same) == 1 or same[-1] > same[0]


def test_transcripts_are_trees() -> None:
    for name, lines in transcripts().items():
        ids = {x["uuid"] for x in lines if "uuid" in x}
        roots = [x for x in lines if "uuid" in x and x["parentUuid"] not in ids]
        assert len(roots) == 1 + any(x.get("subtype") == "compact_boundary" for x in lines), name


def test_both_lifetimes_are_written() -> None:
    for source in (agent_rows, transcript_rows):
        assert all(sum(row.tokens[i] for row in source()) > 0 for i in (2, 3))


def test_reported_costs_are_list_prices() -> None:
    reported = [float(r["cost_usd"]) for r in records("rows.jsonl")]
    assert reported == pytest.approx([row.cost for row in of("shelf-labels")], abs=1e-12)


def test_ids_are_plainly_artificial() -> None:
    assert all(
        "sample" in r["response"].get("id", "sample") for r in records("openai_chat.jsonl.gz")
    )
    for lines in transcripts().values():
        assert all(x.get("sessionId", "5a3b1e00").startswith("5a3b1e00") for x in lines)
        assert all("sample" in x["message"]["id"] for x in lines if x["type"] == "assistant")


def test_bill_by_feature_is_that_of_the_readme() -> None:
    spent = {name: sum(row.cost for row in of(name)) for name in readme_table()}
    both = spent["Claude Code, main"] + spent["Claude Code, beside"]
    assert in_readme(f"Claude Code ${both:.2f}")
    for name in ("code-agent", "campaign-chat", "ticket-triage"):
        assert in_readme(f"`{name}` ${spent[name]:.2f}")
    assert in_readme(f"`support-chat` is ${spent['support-chat']:.2f}")
