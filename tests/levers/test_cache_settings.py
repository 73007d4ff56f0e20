"""Prompts under other settings: read anew as a whole, or from the first message on, by the provider's rule."""

import polars as pl
import pytest

from costscope.levers._cache.calls import ruled
from costscope.levers._cache.rows import LOGGED
from costscope.levers._cache.sim import simulate
from costscope.levers._prefix import blocks
from tests.misses.traffic import CLAUDE, GEMINI, GPT41, GPT56, served_by
from tests.workloads import call, output, part, query, shuffled, system, workload

BEDROCK = CLAUDE | {"channel": "bedrock"}
HEAD, SAID, ASKED, REPLY = 3_000, 1_500, 500, 100


def talk(*settings, marks=("5m", "5m")):
    """One prompt sent again and again, a minute apart, under the settings with these hashes."""
    head, asked = marks
    return [
        call(
            f"c{n}",
            part("tools", 1_000, "tool", kind="tool_schema", role="system"),
            system(HEAD - 1_000, "You are …", role="system", breakpoint=head),
            part("history", SAID, "said", role="user"),
            # A system message among the others is one of them.
            system(ASKED, "from now on …", role="system"),
            query(ASKED, "and now?", breakpoint=asked),
            output(REPLY, f"reply {n}", role="assistant"),
            at=n * 60,
            params_hash=settings[n],
        )
        for n in range(len(settings))
    ]


def read(calls, turn=lambda work: work):
    work = turn(workload(*calls))
    known = ruled(work.calls).with_columns(policy=pl.lit(LOGGED), ttl=pl.col("longest"))
    return simulate(blocks(work.parts), known).sort("call_no")["ideal"].to_list()


WHOLE = HEAD + SAID + 2 * ASKED
STEP = WHOLE // 128 * 128


@pytest.mark.parametrize(
    ("model", "whole", "kept"),
    [(CLAUDE, WHOLE, HEAD), (BEDROCK, WHOLE, HEAD), (GPT41, STEP, 0), (GPT56, WHOLE, 0), (GEMINI, WHOLE, WHOLE)],
    ids=["anthropic", "bedrock", "implicit", "breakpoint", "no rule"],
)  # fmt: skip
def test_what_stays_cached_when_settings_change(model, whole, kept):
    assert read(served_by(talk(0, 0), model)) == [0, whole]
    assert read(served_by(talk(7, 7), model)) == [0, whole]
    assert read(served_by(talk(0, 7), model)) == [0, kept]
    assert read(served_by(talk(5, 7), model)) == [0, kept]


@pytest.mark.parametrize("model", [CLAUDE, GPT41])
def test_a_prompt_is_found_again_once_its_settings_are_back(model):
    there, other, back = read(served_by(talk(5, 7, 5), model))
    assert other < back == read(served_by(talk(5, 5), model))[1]
    assert there == 0


def test_only_marks_of_the_head_are_read_under_other_settings():
    assert read(served_by(talk(5, 7, marks=("", "5m")), CLAUDE)) == [0, 0]


def test_the_order_of_rows_does_not_matter():
    calls = served_by(talk(5, 7, 5, 0), CLAUDE)
    assert read(calls, lambda work: shuffled(work, 3)) == read(calls)
