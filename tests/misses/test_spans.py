"""Volatile lines inside one system text: found by its spans, at the provider's own granularity."""

from random import Random

import polars as pl
import pytest

from costscope.misses import find
from costscope.misses._state import SPANS
from tests.misses.traffic import CLAUDE, GPT41, GPT56, billed, book, cost, marked, talks, told
from tests.workloads import hashed, system

RULES = [(f"Rule {n}.", 200) for n in range(10)]
MODELS = pytest.mark.parametrize("model", [CLAUDE, GPT41, GPT56], ids=lambda m: m["model"])


class Texts:
    """System texts of lines, and the spans that they have."""

    def __init__(self):
        self.rows = {}

    def block(self, *lines):
        text = "\n".join(line for line, _ in lines)
        for nth, (line, tokens) in enumerate(lines):
            self.rows[text, nth] = (hashed(text), nth, hashed(line), tokens)
        return marked(told(sum(tokens for _, tokens in lines), text))

    def spans(self):
        return pl.DataFrame(list(self.rows.values()), schema=SPANS, orient="row")


def log(make, model, **more):
    texts = Texts()
    calls = talks(lambda c, t: [texts.block(*make(c, t))], model=lambda c, t: model, **more)
    return billed(*calls), texts.spans()


def clock(talk, turn):
    return (f"It is 09:{talk:02}:{turn:02}.", 20)


def moved(talk, turn):
    return [system(20, clock(talk, turn)[0])]


@MODELS
def test_a_clock_at_the_start_of_a_text_costs_what_moving_it_saves(model):
    work, spans = log(lambda c, t: [clock(c, t), *RULES], model)
    better, _ = log(lambda c, t: RULES, model, tail=moved)
    found = find(work, book(), spans).found
    assert [f.cause for f in found] == ["volatile"]
    assert found[0].where.startswith("system block 1, span 1, at token 0")
    if model is not GPT56:  # there a message that grows at its end is another message
        assert found[0].recoverable == pytest.approx(cost(work) - cost(better), rel=0.05)


def test_a_clock_in_the_middle_costs_only_what_stands_behind_it():
    early, spans = log(lambda c, t: [RULES[0], clock(c, t), *RULES[1:]], GPT41)
    late, more = log(lambda c, t: [*RULES[:9], clock(c, t), RULES[9]], GPT41)
    costs = [find(*args).found[0].cost for args in ((early, book(), spans), (late, book(), more))]
    assert costs[0] > costs[1] > 0


def test_a_clock_at_the_end_of_what_a_call_says_only_once_is_no_finding():
    work, spans = log(lambda c, t: [*RULES, clock(c, t)], GPT41, turns=1)
    assert find(work, book(), spans).found == []


@MODELS
def test_rules_in_random_order_are_found(model):
    random = Random(3)
    work, spans = log(lambda c, t: random.sample(RULES, len(RULES)), model)
    better, _ = log(lambda c, t: RULES, model)
    (found,) = find(work, book(), spans).found
    assert found.cause == "volatile"
    assert found.recoverable == pytest.approx(cost(work) - cost(better), rel=0.05)


def test_a_line_that_names_the_user_is_found_as_that():
    work, spans = log(lambda c, t: [(f"You help user {c % 4}.", 20), *RULES], CLAUDE)
    (found,) = find(work, book(), spans).found
    assert found.cause == "per_user"


def test_two_versions_of_a_template_are_not_volatile():
    def make(talk, turn):
        return RULES if talk < 6 else [("Version two.", 200), *RULES[1:]]

    work, spans = log(make, CLAUDE)
    assert find(work, book(), spans).found == []


def test_without_spans_the_whole_text_is_what_varies():
    work, _ = log(lambda c, t: [clock(c, t), *RULES], CLAUDE)
    (found,) = find(work, book()).found
    assert (found.cause, found.where) == ("volatile", "system block 1, at token 0")
