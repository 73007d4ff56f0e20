"""Current log against baseline → Verdict, a value: which rule holds where, how surely, and why not.

Pure: no files, no store, no exit. What makes a failure a failure is in `outcome`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from costscope.errors import InputError, SettingsError
from costscope.gate.baseline import Baseline
from costscope.gate.compare import OVERALL, Comparison, Finding
from costscope.gate.notes import notes
from costscope.gate.outcome import absolute_outcome, outcome_of, thin
from costscope.gate.repricing import repriced
from costscope.gate.rules import DEFAULT_RULES, METRICS, Rule, Settings
from costscope.gate.statistics import Moments, holm
from costscope.gate.sums import Reprice, Sums
from costscope.model import ColumnKind
from costscope.reports.verdict import Outcome, RuleResult, Verdict

if TYPE_CHECKING:
    import polars as pl


def check(
    current: pl.DataFrame,
    baseline: Baseline | None,
    rules: Sequence[Rule] = DEFAULT_RULES,
    settings: Settings | None = None,
    *,
    price_book_id: str = "",
    reprice: Reprice | None = None,
) -> Verdict:
    """Judge a log, a frame as for Baseline.from_units, by the rules.

    `price_book_id` and `reprice` are the book that priced the frame; a baseline of another book is
    then repriced first, so that a price change is no regression. Raises InputError for a log
    without calls, too much without a price, or a comparing rule without a baseline; SettingsError
    for two rules of one id or a segment that matches no feature.
    """
    settings = settings or Settings()
    after = Baseline.from_units(current, price_book_id, reprice=reprice)
    before, said = _one_book(baseline, after, reprice)
    for side, name in ((after, "this log"), (before, "the baseline")):
        if side:
            _refuse_unpriced(side.sums, settings, name)
    _refuse_rules(rules, before)
    pair = Comparison(before.sums, after.sums, settings) if before else None
    results = [result for rule in rules for result in _results(rule, pair, after.sums, settings)]
    if reprice is None and pair and "pd_fresh" not in current.columns:
        said = (*said, "cost by class of token is not known, so causes split it by tokens alone")
    return Verdict(
        verdict=_verdict(results, pair, settings),
        results=tuple(results),
        notes=(*said, *notes(pair, after.sums)),
        unit=settings.unit,
        confidence=settings.confidence,
        on_inconclusive=settings.on_inconclusive,
    )


def _one_book(
    before: Baseline | None, after: Baseline, reprice: Reprice | None
) -> tuple[Baseline | None, tuple[str, ...]]:
    if before is None or before.price_book_id == after.price_book_id:
        return before, ()
    if reprice:
        return repriced(before, reprice)
    return before, (
        f"priced with different books ({before.price_book_id!r}, now {after.price_book_id!r})"
        " and not repriced: price changes count as changes here",
    )


def _refuse_unpriced(sums: Sums, settings: Settings, name: str) -> None:
    share = Fraction(sums.unpriced_tokens, sums.tokens or 1)
    if share > settings.max_unpriced_share:
        raise InputError(
            f"{float(share):.1%} of the tokens of {name} have no price, more than"
            f" max_unpriced_share {settings.max_unpriced_share:.1%}: see `costscope prices check`"
        )


def _refuse_rules(rules: Sequence[Rule], before: Baseline | None) -> None:
    ids = [rule.id for rule in rules]
    for rule in rules:
        if ids.count(rule.id) > 1:
            raise SettingsError(f"two rules have the id {rule.id!r}: name one of them otherwise")
        if rule.needs_baseline and before is None:
            raise InputError(
                f"rule {rule.id!r} compares with a baseline and there is none: write one with"
                " `costscope baseline write`, or use an absolute limit"
            )


def _results(
    rule: Rule, pair: Comparison | None, now: Sums, settings: Settings
) -> list[RuleResult]:
    features = {*now.features, *(pair.before.features if pair else ())}
    segments = _segments(rule, features)
    if pair is None or not rule.needs_baseline:
        return [_absolute(rule, segment, now, settings) for segment in segments]
    findings = {segment: pair.find(rule.metric, segment) for segment in segments}
    adjusted = _adjusted(findings, settings)
    return [
        _relative(rule, segment, found, adjusted.get(segment), pair)
        if found
        else _one_sided(rule, segment, pair)
        for segment, found in findings.items()
    ]


def _segments(rule: Rule, features: set[str]) -> list[str]:
    pattern = rule.segment or ("*" if rule.needs_baseline else OVERALL)
    if pattern == OVERALL or (rule.metric == "mix_effect" and pattern == "*"):
        return [OVERALL]
    if rule.metric == "mix_effect":
        raise SettingsError(f"rule {rule.id!r}: mix_effect is between features, it has no segment")
    names = sorted(f for f in features if fnmatchcase(f, pattern))
    if not names:
        raise SettingsError(
            f"rule {rule.id!r}: no feature matches {pattern!r};"
            f" there are: {', '.join(sorted(features)[:20])}"
        )
    return [OVERALL, *names] if pattern == "*" else names


def _absolute(rule: Rule, segment: str, now: Sums, settings: Settings) -> RuleResult:
    """A limit on the log as it is: the figure itself is judged, so there is nothing to infer."""
    moments = now.overall if segment == OVERALL else now.features.get(segment)
    if moments is None:
        return _result(rule, segment, settings, "gone", note="not in this log")
    metric = METRICS[rule.metric]
    bottom = metric.bottom
    if bottom == "unit":
        bottom = "clusters" if settings.unit == "conversation" else "calls"
    units = moments.sums[bottom] if bottom else 1
    if not units:
        return _result(rule, segment, settings, "inconclusive", note="nothing to divide by")
    value = Fraction(moments.sums[metric.top], units)
    return replace(
        _result(rule, segment, settings, absolute_outcome(rule, value)),
        current=_figure(metric.kind, value),
        n=moments.sums["calls"],
        clusters=moments.sums["clusters"],
    )


def _adjusted(findings: Mapping[str, Finding | None], settings: Settings) -> dict[str, float]:
    """p by segment. Overall is a test of its own; features are a family, without those that have
    too few clusters to be tested."""
    tested = {
        segment: found.change.p
        for segment, found in findings.items()
        if found and found.change.p is not None
    }
    family = [
        s for s in tested if s != OVERALL and not thin(findings[s], settings)
    ] if settings.correction == "holm" else []  # fmt: skip
    return {**tested, **dict(zip(family, holm([tested[s] for s in family]), strict=True))}


def _one_sided(rule: Rule, segment: str, pair: Comparison) -> RuleResult:
    """A segment that cannot be compared, with the value of the side that has it."""
    if segment == OVERALL:
        note = "no feature is on both sides"
        return _result(rule, segment, pair.settings, "inconclusive", note)
    before, after = (side.features.get(segment) for side in (pair.before, pair.after))
    outcome: Outcome = "inconclusive" if before and after else "gone" if before else "new"
    notes = {"new": "not in the baseline", "gone": "not in this log"}
    return replace(
        _result(rule, segment, pair.settings, outcome, notes.get(outcome, "nothing to divide by")),
        baseline=_alone(before, rule, pair), current=_alone(after, rule, pair),
        n=_count(after, "calls"), clusters=_count(after, "clusters"),
        baseline_n=_count(before, "calls"), baseline_clusters=_count(before, "clusters"),
    )  # fmt: skip


def _alone(moments: Moments | None, rule: Rule, pair: Comparison) -> int | float | None:
    top, bottom = pair.ratio_of(rule.metric)
    if moments is None or not moments.sums[bottom]:
        return None
    return _figure(METRICS[rule.metric].kind, moments.ratio(top, bottom).value)


def _count(moments: Moments | None, name: str) -> int:
    return moments.sums[name] if moments else 0


def _relative(
    rule: Rule, segment: str, found: Finding, p: float | None, pair: Comparison
) -> RuleResult:
    kind, change = METRICS[rule.metric].kind, found.change
    outcome, note = outcome_of(rule, segment, found, p, pair)
    interval = None if change.low is None or change.high is None else (change.low, change.high)
    result = replace(
        _result(rule, segment, pair.settings, outcome, note),
        baseline=_figure(kind, found.before.value), current=_figure(kind, found.after.value),
        relative=change.relative, interval=interval, p=p, mde=change.mde,
        n=found.after.calls, clusters=found.after.clusters,
        baseline_n=found.before.calls, baseline_clusters=found.before.clusters,
    )  # fmt: skip
    if kind != "usd" or result.change is None:
        return result
    return replace(result, drivers=pair.drivers(rule.metric, segment, int(result.change)))


def _result(
    rule: Rule, segment: str, settings: Settings, outcome: Outcome, note: str = ""
) -> RuleResult:
    metric = METRICS[rule.metric]
    limit = next((limit.text for limit in (rule.fail, rule.warn) if limit), "")
    if outcome == "warn" and rule.warn:
        limit = rule.warn.text
    label = metric.label.format(unit=settings.unit)
    return RuleResult(rule.id, rule.metric, segment, label, metric.kind, limit, outcome, note=note)


def _figure(kind: ColumnKind, value: Fraction) -> int | float:
    return round(value) if kind == "usd" else float(value)


def _verdict(
    results: Sequence[RuleResult], pair: Comparison | None, settings: Settings
) -> Literal["pass", "warn", "fail", "inconclusive"]:
    outcomes = {result.verdict for result in results}
    if "fail" in outcomes:
        return "fail"
    if settings.on_inconclusive != "ignore" and _undecided(results, pair, settings):
        return "inconclusive"
    return "warn" if "warn" in outcomes else "pass"


def _undecided(results: Sequence[RuleResult], pair: Comparison | None, settings: Settings) -> bool:
    """Whether something that matters could not be judged. Features too small to be judged do not
    matter beside a judged whole, as long as together they are a small part of the cost."""
    doubtful = [result for result in results if result.verdict == "inconclusive"]
    judged = {r.id for r in results if r.segment == OVERALL and r.verdict != "inconclusive"}
    if not pair or any(r.id not in judged or not _is_thin(r, settings) for r in doubtful):
        return bool(doubtful)
    cost = sum(pair.before.features[s].sums["cost"] for s in {r.segment for r in doubtful})
    return cost > (1 - settings.min_coverage) * pair.before.overall.sums["cost"]


def _is_thin(result: RuleResult, settings: Settings) -> bool:
    return min(result.clusters, result.baseline_clusters) < settings.min_clusters
