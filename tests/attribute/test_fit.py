"""Fitting what billing adds to text, on pairs of calls that are made by a known rule."""

import numpy as np
import pytest

from costscope.attribute import fit
from costscope.attribute.fit import GROUPS, Coefficients, Pairs

OTHER = fit.default("", "some-model")
RNG = np.random.default_rng(7)


def made(n: int, ratio: list[float], framing: list[float], noise: float = 0.0) -> Pairs:
    """Pairs that are billed by ratio and framing of text, tool calls and their results."""
    kinds = len(GROUPS)
    tokens, blocks = np.zeros((n, kinds)), np.zeros((n, kinds))
    tokens[:, :3] = RNG.integers(5, 900, (n, 3))
    blocks[:, :3] = RNG.integers(1, 5, (n, 3))
    billed = tokens[:, :3] @ np.array(ratio) + blocks[:, :3] @ np.array(framing)
    billed *= 1 + noise * RNG.standard_normal(n)
    zero = np.zeros(n)
    return Pairs(np.arange(n, dtype=np.uint64), zero.astype(np.int64), tokens, blocks, billed, zero)


def test_the_rule_is_found_again() -> None:
    found = fit.fit(made(400, [1.2, 1.4, 1.3], [4.0, 30.0, 12.0], 0.01), OTHER)
    assert found is not None
    assert found.ratio[:3] == pytest.approx([1.2, 1.4, 1.3], abs=0.01)
    assert found.framing[:3] == pytest.approx([4.0, 30.0, 12.0], abs=4)
    assert found.ratio[3:] == (found.ratio[0],) * 3  # never seen: taken to be text


def test_calls_that_were_sent_something_else_do_not_count() -> None:
    pairs = made(300, [1.2, 1.2, 1.2], [3.0, 3.0, 3.0])
    pairs.billed[::5] -= 8000
    found = fit.fit(pairs, OTHER)
    assert found is not None
    assert found.ratio[:3] == pytest.approx([1.2] * 3, abs=0.01)


def test_too_few_pairs_say_nothing() -> None:
    assert fit.fit(made(fit.ENOUGH - 1, [1.5] * 3, [9.0] * 3), OTHER) is None


def test_the_order_of_the_calls_does_not_matter() -> None:
    pairs = made(120, [1.1, 1.3, 1.2], [5.0, 20.0, 3.0], 0.05)
    shuffled = pairs.only(RNG.permutation(120))
    assert fit.fit(shuffled, OTHER) == fit.fit(pairs, OTHER)


def test_what_is_off_any_scale_stays_in_bounds() -> None:
    found = fit.fit(made(100, [9.0, 9.0, 0.01], [900.0, 0.0, 0.0]), OTHER)
    if found is not None:
        assert all(fit.RATIOS[0] <= r <= fit.RATIOS[1] for r in found.ratio)
        assert all(fit.FRAMINGS[0] <= f <= fit.FRAMINGS[1] for f in found.framing)


def test_thin_evidence_stays_near_the_default() -> None:
    thin = fit.fit(made(fit.ENOUGH, [1.3] * 3, [0.0] * 3, 0.6), OTHER)
    assert thin is None or abs(thin.ratio[0] - OTHER.ratio[0]) < 0.3


def test_a_known_vocabulary_hardly_moves() -> None:
    start = fit.default("openai", "gpt-4o")
    assert start.exact
    found = fit.fit(made(40, [0.6] * 3, [0.0] * 3, 0.3), start)
    assert found is None or found.ratio[0] > 0.85


@pytest.mark.parametrize("is_billed", [True, False])
def test_carried_reasoning_is_taken_only_where_the_bill_shows_it(is_billed: bool) -> None:
    pairs = made(200, [1.05, 1.05, 1.05], [4.0, 4.0, 4.0], 0.005)
    pairs.carried[::2] = RNG.integers(1, 40, 100) * 64
    pairs.billed[:] += pairs.carried * is_billed
    found = fit.fit(pairs, OTHER)
    assert found is not None
    assert found.carried is is_billed


def test_moves_is_the_share_by_which_estimates_change() -> None:
    pairs = made(50, [1.0] * 3, [0.0] * 3)
    n = len(GROUPS)
    one = Coefficients((1.0,) * n, (0.0,) * n)
    assert fit.moves(pairs, one, one) == 0
    assert fit.moves(pairs, one, Coefficients((1.1,) * n, (0.0,) * n)) == pytest.approx(0.1)


def test_a_sample_of_many_pairs_is_the_same_whatever_their_order() -> None:
    pairs = made(fit.MOST + 500, [1.0] * 3, [0.0] * 3)
    back = pairs.only(np.arange(fit.MOST + 500)[::-1])
    assert len(fit.ordered(pairs).billed) == fit.MOST
    assert np.array_equal(fit.ordered(pairs).what, fit.ordered(back).what)


def test_defaults_are_those_of_the_family() -> None:
    claude = fit.default("anthropic", "claude-sonnet-4-5")
    assert dict(zip(GROUPS, claude.framing, strict=True))["tool_call"] == fit.CLAUDE_TOOL
    assert claude.ratio[0] == 1.21
    assert not claude.exact
    assert fit.framing("openai", "gpt-4o") == (3, 0)


def spoken(n: int, told: int, ratio: float) -> Pairs:
    """Pairs that have replies, and tool results, and in `told` of them what the model was told."""
    pairs = made(n, [1.3, 0.0, 1.25], [0.0, 0.0, 0.0])
    pairs.billed[:] -= pairs.tokens[:, 0] * 1.3
    pairs.tokens[told:, 0] = pairs.blocks[told:, 0] = pairs.blocks[:, 1] = pairs.tokens[:, 1] = 0
    reply = RNG.integers(5, 900, n)
    pairs.tokens[:, GROUPS.index("reply")], pairs.blocks[:, GROUPS.index("reply")] = reply, 1
    pairs.billed[:] += reply * ratio + pairs.tokens[:, 0] * 1.3
    return pairs


def test_what_a_model_writes_is_another_kind_of_text() -> None:
    found = fit.fit(spoken(300, 100, 1.1), OTHER)
    assert found is not None
    by_name = dict(zip(GROUPS, found.ratio, strict=True))
    assert by_name["reply"] == pytest.approx(1.1, abs=0.01)
    assert by_name["text"] == pytest.approx(1.3, abs=0.01)


def test_text_that_is_hardly_seen_is_like_replies() -> None:
    found = fit.fit(spoken(300, fit.ENOUGH - 1, 1.1), OTHER)
    assert found is not None
    by_name = dict(zip(GROUPS, found.ratio, strict=True))
    assert by_name["text"] == by_name["reply"] == pytest.approx(1.1, abs=0.02)


@pytest.mark.parametrize("is_billed", [True, False])
def test_a_few_replies_with_reasoning_show_whether_it_is_carried(is_billed: bool) -> None:
    pairs = made(fit.ENOUGH, [1.0, 1.0, 1.0], [3.0, 20.0, 2.0], 0.005)
    pairs.carried[: fit.CARRIED] = 64 * np.arange(2, 2 + fit.CARRIED)
    pairs.billed[:] += pairs.carried * is_billed
    found = fit.fit(pairs, fit.default("openai", "gpt-5"))
    assert found is not None
    assert found.carried is is_billed
