"""Ways of caching in arrays: billed as the simulator says, alone or with others, whole or in batches."""

import numpy as np
import polars as pl
import pytest

from costscope.levers._cache import sim
from costscope.levers._cache.calls import ruled
from costscope.levers._cache.policy import UNITS, billing, grouped, totals
from costscope.levers._cache.rows import NEEDED, Spot, among, facts
from costscope.levers._cache.search import sharing, tries
from costscope.levers._cache.sim import simulate
from costscope.levers._cache.trial import LEFT_OUT, billed, facts_on, ground
from costscope.levers._cache.whole import first, looked, near, reading, sizes
from costscope.levers.prompt_cache import PromptCache, candidates
from tests.workloads import call, history, output, query, system, workload

CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
GPT = {"provider": "openai", "model": "gpt-4.1"}


def talks(feature, prompt, n=4, gap=100, **model):
    """Conversations of three turns, a minute and more apart, that begin with one system prompt."""
    return [
        call(f"{feature}{c}.{t}", system(2_000, prompt, role="system"),
             *(history(900, 0, f"{feature}{c} {i}") for i in range(t)), query(300, f"{feature}{c}.{t}"),
             output(50, f"{feature}{c} {t}"), at=c * 37 + t * gap, session=f"{feature}{c}",
             feature=feature, **model)
        for c in range(n) for t in range(3)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def work():
    return workload(
        *talks("a", "You are …", **CLAUDE), *talks("b", "You are …", gap=200, **CLAUDE),
        *talks("c", "Be brief.", gap=400, **CLAUDE), *talks("d", "You are …", **GPT),
    )  # fmt: skip


def asked(work, policy="conversation"):
    return candidates(work, PromptCache()).with_columns(policy=pl.lit(policy))


@pytest.mark.parametrize("policy", ["conversation", "prefix"])
def test_a_way_bills_what_the_simulator_says(work, policy):
    calls = asked(work, policy)
    on = ground(work.parts, calls)
    found, shown = billed(on, on.about), billing(work.parts, calls)
    assert found.read.sum() > 0
    for name, tokens in zip(UNITS, (found.read, *found.written), strict=True):
        assert tokens.tolist() == shown[name].to_list()


def test_calls_that_a_way_leaves_out_are_billed_as_they_are(work):
    calls = asked(work)
    on, some = ground(work.parts, calls), calls.filter(pl.col("mode") != "implicit")
    about = facts_on(on, some)
    found = billed(on, about)
    left = about.mode == LEFT_OUT
    assert left.sum() == 12
    assert not found.read[left].any()
    assert found.read[~left].tolist() == billing(work.parts, some)["cache_read"].to_list()


def test_features_share_what_begins_alike_in_one_cache(work):
    calls = asked(work)
    on, group = ground(work.parts, calls), grouped(calls)
    within = sharing(on, group, 4)[group]
    of = dict(zip(calls["feature"], within.tolist(), strict=True))
    assert of["a"] == of["b"]
    assert len({of["a"], of["c"], of["d"]}) == 3


def test_marks_tried_again_for_some_features_save_what_they_save_when_all_are_tried(work):
    calls = asked(work, "chosen").filter(pl.col("mode") != "implicit")
    on, group = ground(work.parts, calls.with_columns(spots=pl.lit(0))), grouped(calls)
    saved = tries(on, group, 3)
    both, head = Spot.SYSTEM | Spot.LAST, Spot.SYSTEM
    for spots in ([both] * 3, [both, head, both], [head, head, both], [head, 0, head]):
        about = on.about._replace(spots=np.array(spots)[group])
        assert saved(np.array(spots)).tolist() == totals(on, group, 3, billed(on, about)).tolist()


@pytest.mark.parametrize("batch", [1, 10, 1_000])
def test_a_log_is_looked_through_some_calls_at_a_time(work, batch, monkeypatch):
    calls = asked(work)
    shown = simulate(work.parts, calls)
    monkeypatch.setattr(sim, "BATCH", batch)
    about = facts(calls)
    found = looked(work.parts, about)
    assert reading(found, about).tolist() == shown["ideal"].to_list()
    assert found.upto["5m"].tolist() == shown["upto_5m"].to_list()


def test_what_some_calls_look_for_is_enough_for_what_they_read(work):
    about = facts(asked(work))
    found = looked(work.parts, about)
    some = np.arange(len(about.call_no)) % 5 == 2
    fewer = near(found, some)
    assert sum(len(x.key) for x in fewer.touches) < sum(len(x.key) for x in found.touches)
    assert reading(fewer, about)[some].tolist() == reading(found, about)[some].tolist()


def test_the_earliest_calls_with_so_many_blocks(work):
    calls = ruled(work.calls)
    found = sizes(work.parts)
    # Prompts of 2, 3 and 4 blocks, each with a reply.
    assert found.blocks.tolist()[:3] == [3, 4, 5]
    assert first(calls, found, 10**6).tolist() == calls["call_no"].to_list()
    # At the start of the log one call of each feature, of three blocks.
    early = first(calls, found, 12)
    assert set(calls.filter(pl.col("call_no").is_in(early))["sent"]) == {calls["sent"].min()}
    assert len(early) == 4


def test_only_what_is_asked_for_is_looked_at(work):
    numbers = work.calls["call_no"].to_numpy()[1::5]
    some = among(work.parts, numbers)
    asked = work.parts.filter(pl.col("call_no").is_in(numbers.tolist()))
    assert some.equals(asked.select(name for name in asked.columns if name in NEEDED))
    every = among(work.parts, work.calls["call_no"].to_numpy())
    assert every.height == work.parts.height


def test_the_same_is_found_of_a_long_log(work, monkeypatch):
    calls = candidates(work, PromptCache()).gather_every(3).with_columns(policy=pl.lit("prefix"))
    found = simulate(work.parts, calls)
    monkeypatch.setattr("costscope.levers._cache.rows.FEW", 0)
    assert simulate(work.parts.clone(), calls).equals(found)
