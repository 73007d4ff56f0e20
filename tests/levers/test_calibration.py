"""The loss below the ideal: what is fitted, on which sessions, and how it is judged."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.levers._cache.calibration import READ, backtested, explained, fitted, halves

CALL = st.tuples(st.integers(0, 200_000), st.integers(0, 100))


def truth(rows, sessions=None, model="m"):
    """Calls from (ideal, billed), one session each unless told otherwise, in order of time."""
    sessions = sessions or [f"s{i:03}" for i in range(len(rows))]
    return pl.DataFrame(
        {
            "provider": ["p"] * len(rows), "model": [model] * len(rows), "cluster": sessions,
            "sent": list(range(len(rows))), "ideal": [i for i, _ in rows],
            "billed": [b for _, b in rows], "feature": ["f"] * len(rows), "head": [0] * len(rows),
            "before": [None] * len(rows), "alive": [False] * len(rows), "shared": [False] * len(rows),
        },
        schema_overrides=dict.fromkeys(("ideal", "billed", "head", "before"), pl.Int64)
        | {"alive": pl.Boolean, "shared": pl.Boolean},
    )  # fmt: skip


@given(st.lists(CALL, min_size=1, max_size=30))
@settings(deadline=None)
def test_what_is_fitted_gives_back_the_bill(calls):
    """To a token a call by rounding, and to a millionth of the ideal; never less than was billed."""
    known = truth([(ideal, ideal * share // 100) for ideal, share in calls])
    losses = fitted(known)
    found = known.filter(pl.col("ideal") > 0).join(losses, on=["provider", "model"])
    read, billed = found.select(READ.sum()).item(), found["billed"].sum()
    slack = found.height + found["ideal"].sum() / 1e6
    assert read >= billed - 1
    if found.height and losses["most"].item() < 1_000_000:
        assert read <= billed + slack


def test_more_billed_than_ideal_is_no_loss():
    assert fitted(truth([(1_000, 1_500)])).select("lost", "most").row(0) == (0, 0)


def test_a_short_prompt_loses_a_share_and_a_long_one_a_number():
    known = truth([(1_000, 900), (1_000, 900), (50_000, 49_900), (50_000, 49_900)])
    lost, most = fitted(known).select("lost", "most").row(0)
    assert (lost, most) == (100, 100_000)
    found = pl.DataFrame({"ideal": [500, 90_000]}).with_columns(lost=lost, most=most)
    assert found.select(READ).to_series().to_list() == [450, 89_900]


def test_sessions_are_halved_by_the_time_of_their_first_call():
    known = truth([(1, 1)] * 5, sessions=["b", "a", "c", "b", "a"])
    assert halves(known)["fit"].to_list() == [True, False, False, True, False]


def test_a_bill_that_the_text_does_not_explain_is_left_out():
    good, bad = truth([(1_000, 990)], model="good"), truth([(100, 9_000)], model="bad")
    assert explained(pl.concat([good, bad]))["model"].to_list() == ["good"]


def test_the_backtest_is_of_sessions_that_were_not_fitted_on():
    known = truth([(10_000, 9_000)] * 4 + [(10_000, 9_500), (10_000, 12_000)])
    found = backtested(known)
    assert found is not None
    assert (found["fit_calls"], found["calls"]) == (3, 3)
    assert found["predicted_cached_tokens"] == 27_000
    assert found["error"] == round(27_000 / 30_500 - 1, 6)
    assert found["calls_above_ideal"] == round(1 / 3, 6)
    assert found["interval_coverage"] == round(1 / 3, 6)


def test_one_session_cannot_be_checked():
    assert backtested(truth([(10_000, 9_000)])) is None
    assert backtested(truth([])) is None
