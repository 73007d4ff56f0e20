"""What may not get worse, and by how much: rules and settings, read strictly from config or flags.

A rule compares with a baseline ("+10%", "+$0.002") or is absolute (">$0.05", "<40%").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, Literal

from costscope.errors import SettingsError
from costscope.model import PICO, ColumnKind

LimitKind = Literal["relative", "increase", "above", "below"]


@dataclass(frozen=True)
class Metric:
    """A figure that can be gated: `top` over `bottom`, where the bottom "unit" is the settings'."""

    label: str
    kind: ColumnKind
    limits: Sequence[LimitKind]
    top: str = ""
    bottom: str = ""
    falls: bool = False
    """True where lower is worse."""


METRICS = {
    "cost_per_unit": Metric(
        "cost per {unit}", "usd", ("relative", "increase", "above"), "cost", "unit"
    ),
    "tokens_per_unit": Metric(
        "tokens per {unit}", "tokens", ("relative", "increase", "above"), "tokens", "unit"
    ),
    "output_tokens_per_call": Metric(
        "output tokens per call", "tokens", ("relative", "increase", "above"), "output", "calls"
    ),
    "cache_hit_rate": Metric(
        "cache hit rate", "share", ("relative", "below"), "cache_read", "input", falls=True
    ),
    "mix_effect": Metric("feature mix", "usd", ("relative", "increase")),
    "cost_total": Metric("total cost", "usd", ("above",), "cost"),
}

_LIMIT = re.compile(r"\s*([-+<>])\s*(\$?)(\d+(?:\.\d+)?)\s*(%?)\s*")
_FORMS: Mapping[tuple[str, str, str], LimitKind] = {
    ("+", "", "%"): "relative", ("-", "", "%"): "relative",
    ("+", "$", ""): "increase", ("+", "", ""): "increase",
    (">", "$", ""): "above", (">", "", ""): "above", ("<", "", "%"): "below",
}  # fmt: skip


@dataclass(frozen=True)
class Limit:
    """A bound. `value`: a fraction for relative (of the baseline, how much worse) and below;
    picodollars or tokens for increase and above."""

    kind: LimitKind
    value: Fraction
    text: str

    @property
    def needs_baseline(self) -> bool:
        """Whether it can only be judged against another log."""
        return self.kind in ("relative", "increase")

    @classmethod
    def parse(cls, text: str, metric: str) -> Limit:
        """Read "+10%", "-10%" (where lower is worse), "+$0.002", ">$0.05", "+200" or ">4000"
        (tokens), "<40%". Raises SettingsError naming what is wrong."""
        meaning = METRICS[metric]
        match = _LIMIT.fullmatch(text)
        if not match or (match[1], match[2], match[4]) not in _FORMS:
            raise SettingsError(f"{metric}: {text!r} is no limit; write {_examples(meaning)}")
        sign, dollar, number, percent = match.groups()
        kind = _FORMS[sign, dollar, percent]
        in_dollars = bool(dollar) == (meaning.kind == "usd") or bool(percent)
        if kind not in meaning.limits or not in_dollars or (percent and _wrong_way(sign, meaning)):
            raise SettingsError(f"{metric} takes no limit {text!r}; write {_examples(meaning)}")
        scale = Fraction(1, 100) if percent else Fraction(PICO if dollar else 1)
        return cls(kind, Fraction(number) * scale, text.replace(" ", ""))


def _wrong_way(sign: str, metric: Metric) -> bool:
    return (sign in "+>") == metric.falls


def _examples(metric: Metric) -> str:
    unit = "$" if metric.kind == "usd" else ""
    forms = {
        "relative": '"-10%"' if metric.falls else '"+10%"',
        "increase": f'"+{unit}{"0.002" if unit else "200"}"',
        "above": f'">{unit}{"0.05" if unit else "4000"}"',
        "below": '"<40%"',
    }
    return " or ".join(forms[kind] for kind in metric.limits)


@dataclass(frozen=True)
class Rule:
    """One metric with a failing and a warning limit, for some segments.

    `segment`: a glob over features; "*" is overall and every feature, "overall" only the whole,
    "" is "*" for rules that compare and "overall" for absolute ones. `floor_pd`: smaller moves are
    ignored (picodollars per unit; tokens for token metrics); None: 1 % of the baseline's overall
    value, so that cheap features do not fail a build over fractions of a cent.
    """

    id: str
    metric: str
    fail: Limit | None = None
    warn: Limit | None = None
    floor_pd: int | None = None
    segment: str = ""

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.fail, self.warn) if limit]
        if not limits:
            raise SettingsError(f"rule {self.id!r} has neither a fail nor a warn limit")
        if len({limit.needs_baseline for limit in limits}) > 1:
            raise SettingsError(
                f"rule {self.id!r} mixes an absolute limit with one against a baseline: make it two"
            )

    @property
    def needs_baseline(self) -> bool:
        """Whether it can only be judged against another log."""
        return any(limit.needs_baseline for limit in (self.fail, self.warn) if limit)

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> Rule:
        """A rule from a config table: id, metric, fail, warn, floor, for ("*", "overall", a glob or
        { feature = glob }). Raises SettingsError."""
        _known_keys("a rule", table, ("id", "metric", "fail", "warn", "floor", "for"))
        metric = _metric(table.get("metric"))
        fail, warn = (
            Limit.parse(_text(table[key], key), metric) if key in table else None
            for key in ("fail", "warn")
        )
        floor = _floor(_text(table["floor"], "floor"), metric) if "floor" in table else None
        name = _text(table.get("id", metric), "id")
        return cls(name, metric, fail, warn, floor, _segment(table.get("for", "")))


def from_flags(fail: Sequence[str], warn: Sequence[str]) -> tuple[Rule, ...]:
    """Rules from `--fail` and `--warn` values, "[segment/]metric:limit"; a fail and a warn of the
    same segment and metric become one rule. Raises SettingsError."""
    rules: dict[tuple[str, str, bool], Rule] = {}
    for level, texts in (("fail", fail), ("warn", warn)):
        for text in texts:
            name, segment, metric, limit = _flag(text)
            key = (segment, metric, limit.needs_baseline)
            held = rules.get(key)
            if held and getattr(held, level):
                raise SettingsError(f"--{level} {text!r}: there is already a limit for {name}")
            fails, warns = (held.fail, held.warn) if held else (None, None)
            fails, warns = (limit, warns) if level == "fail" else (fails, limit)
            rules[key] = Rule(name, metric, fails, warns, segment=segment)
    return tuple(rules.values())


def _flag(text: str) -> tuple[str, str, str, Limit]:
    target, colon, limit = text.rpartition(":")
    if not colon:
        raise SettingsError(f"{text!r} is no rule; write [segment/]metric:limit, "
                            'such as "chat/cost_per_unit:+10%"')  # fmt: skip
    segment, _, metric = target.rpartition("/")
    parsed = Limit.parse(limit, _metric(metric))
    name = target if parsed.needs_baseline else f"{target} (absolute)"
    return name, segment, metric, parsed


def _metric(name: Any) -> str:
    if name not in METRICS:
        raise SettingsError(f"no metric is called {name!r}{_nearest(str(name), METRICS)}")
    return str(name)


def _floor(text: str, metric: str) -> int:
    match = re.fullmatch(r"(\$?)(\d+(?:\.\d+)?)", text.strip())
    dollars = METRICS[metric].kind == "usd"
    if not match or bool(match[1]) != dollars:
        shown = '"$0.0005"' if dollars else '"20"'
        raise SettingsError(f"{metric}: {text!r} is no floor; write {shown}")
    return round(Fraction(match[2]) * (PICO if dollars else 1))


def _segment(value: Any) -> str:
    if isinstance(value, Mapping):
        _known_keys("for", value, ("feature",))
        value = value.get("feature", "*")
    return _text(value, "for")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise SettingsError(f"{name} should be text, it is {value!r}")
    return value


def _known_keys(where: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise SettingsError(f"{where} has no key {key!r}{_nearest(key, known)}")


def _nearest(name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(known)}"


DEFAULT_RULES = (
    Rule.parse({"id": "unit-cost", "metric": "cost_per_unit", "fail": "+10%", "warn": "+5%"}),
)
"""Used where none is configured: cost per unit, overall and in every feature."""


@dataclass(frozen=True)
class Settings:
    """How a comparison is made. Shares are fractions."""

    unit: str = field(default="call", metadata={"choices": ("call", "request", "conversation")})
    """What costs are divided by: a request is a call, a conversation a cluster in a feature."""
    confidence: float = 0.95
    min_clusters: int = 30
    """Fewer conversations on a side are no evidence (simulated: intervals are too short below)."""
    correction: str = field(default="holm", metadata={"choices": ("holm", "none")})
    max_unpriced_share: float = 0.01
    min_coverage: float = 0.9
    """The share of the baseline's cost that must lie in features which can be judged."""
    on_inconclusive: str = field(default="warn", metadata={"choices": ("warn", "fail", "ignore")})

    def __post_init__(self) -> None:
        for setting in fields(self):
            choices = setting.metadata.get("choices")
            value = getattr(self, setting.name)
            if choices and value not in choices:
                raise SettingsError(f"{setting.name} is {value!r}; it can be {', '.join(choices)}")
        if not 0.5 < self.confidence < 1:
            raise SettingsError(f"confidence is {self.confidence}; it must be above 0.5, below 1")
        if self.min_clusters < 2:
            raise SettingsError(f"min_clusters is {self.min_clusters}; it must be at least 2")

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> Settings:
        """Settings from a config table; shares as "1%" or 0.01. Raises SettingsError."""
        kinds = {setting.name: type(setting.default) for setting in fields(cls)}
        _known_keys("check", table, list(kinds))
        readers: Mapping[type, Callable[[Any, str], Any]]
        readers = {str: _text, int: _count, float: _share}
        return cls(**{key: readers[kinds[key]](value, key) for key, value in table.items()})


def _count(value: Any, name: str) -> int:
    if type(value) is not int:
        raise SettingsError(f"{name} should be a whole number, it is {value!r}")
    return value


def _share(value: Any, name: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", str(value))
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if type(value) in (int, float):
        share = float(value)
    if not 0 <= share <= 1:
        raise SettingsError(f'{name} should be a share such as "1%" or 0.01, it is {value!r}')
    return share
