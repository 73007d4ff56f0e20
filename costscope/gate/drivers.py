"""Why cost per unit changed: named causes, in picodollars, that add up to the change exactly.

A feature's cost per unit is a sum, over template, model and class of token, of products of factors;
every factor gets its Shapley share. Whether the change matters is not decided here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

from costscope.gate.basket import unit_share
from costscope.gate.exact import apportion, shapley
from costscope.gate.sums import Sums
from costscope.gate.tree import GROUP_PARTS, GROUPS, Node, Place, places
from costscope.reports.verdict import Driver, percent, quantity

MAX_DRIVERS = 12
"""What is smaller is added up as one."""

FINE = 10**9
"""Effects are summed in billionths of a picodollar: sums of exact fractions grow without bound."""

Effects = Counter[tuple[str, str]]
"""(effect, name) → FINE picodollars per unit."""


def feature_effects(before: Sums, after: Sums, feature: str, bottom: str) -> Effects:
    """Why the feature's cost per unit changed. It must be on both sides; `bottom` is the unit."""
    effects: Effects = Counter()
    for place in places(before, after, feature, bottom):
        for group in GROUPS:
            effects.update(_group_effects(place, group))
    return effects


def basket_effects(by_feature: Mapping[str, Effects], weights: Mapping[str, Fraction]) -> Effects:
    """Why the fixed basket's cost changed: each feature's effects at its weight."""
    effects: Effects = Counter()
    for feature, weight in weights.items():
        effects.update({key: round(weight * value) for key, value in by_feature[feature].items()})
    return effects


def mix_effects(before: Sums, after: Sums, bottom: str, pulls: Mapping[str, Fraction]) -> Effects:
    """The mix effect of each feature (basket.mix), named with its share on both sides."""
    effects: Effects = Counter()
    noun = "calls" if bottom == "calls" else "conversations"
    for feature, pull in pulls.items():
        shares = (percent(unit_share(side, feature, bottom)) for side in (before, after))
        effects["feature mix", f"{feature}: {' → '.join(shares)} of {noun}"] += round(pull * FINE)
    return effects


def ranked(effects: Effects, change: int) -> tuple[Driver, ...]:
    """Drivers in whole picodollars, the largest first, that add up to `change`."""
    keys = sorted(key for key, value in effects.items() if value)
    amounts = apportion(change, [Fraction(effects[key], FINE) for key in keys])
    drivers = [Driver(*key, amount) for key, amount in zip(keys, amounts, strict=True) if amount]
    drivers.sort(key=lambda d: (-abs(d.amount), d.effect, d.name))
    rest = drivers[MAX_DRIVERS:]
    if len(rest) < 2:
        return tuple(drivers)
    small = Driver("other", f"{len(rest)} smaller effects", sum(d.amount for d in rest))
    return (*drivers[:MAX_DRIVERS], small)


def _group_effects(place: Place, group: str) -> Effects:
    effects: Effects = Counter()
    size = Fraction(0)
    for name in GROUPS[group]:
        calls, template, model, tokens, kind, price = shapley(*_factors(place, group, name))
        size += tokens
        effects.update({
            ("calls per conversation", _calls(place)): round(calls * FINE),
            ("template mix", f"{place.feature}: {place.template_mix}"): round(template * FINE),
            ("model mix", place.at(place.model_mix)): round(model * FINE),
            ("cache hit rate", _cache(place)): round(kind * FINE),
            _price(place, name): round(price * FINE),
        })  # fmt: skip
    effects.update(_size_effects(place, group, size))
    return effects


def _factors(place: Place, group: str, name: str) -> tuple[list[Fraction], list[Fraction]]:
    """The factors of one class of token on both sides. What a side cannot know, because it has no
    such calls or tokens, is as on the other: so entering or leaving is all a change of share."""
    before, after = (
        _side(units, (whole, template, model), group, name)
        for units, whole, template, model in (
            (place.units[0], place.whole.before, place.template.before, place.model.before),
            (place.units[1], place.whole.after, place.template.after, place.model.after),
        )
    )
    pairs = list(zip(before, after, strict=True))
    zero = Fraction(0)
    return (
        [a if a is not None else b or zero for a, b in pairs],
        [b if b is not None else a or zero for a, b in pairs],
    )


def _side(
    units: int, nodes: tuple[Node, Node, Node], group: str, name: str
) -> list[Fraction | None]:
    """Calls per unit, share of the template, of the model in it, tokens of the group per call,
    share of the class in them (which the cache decides), price per token; None if not defined."""
    whole, template, model = nodes
    size, tokens = model.size(group), model.tokens[name]
    ratios = (
        (whole.calls, units), (template.calls, whole.calls), (model.calls, template.calls),
        (size, model.calls), (tokens, size), (model.cost[name], tokens),
    )  # fmt: skip
    return [Fraction(top, bottom) if bottom else None for top, bottom in ratios]


def _size_effects(place: Place, group: str, size: Fraction) -> Effects:
    """The effect of more tokens per call, shared out by which part of the prompt or reply grew."""
    effects: Effects = Counter()
    if not size:
        return effects
    before, after = place.model.before, place.model.after
    growth = {part: after.per_call(part) - before.per_call(part) for part in GROUP_PARTS[group]}
    rate = size / sum(growth.values(), Fraction(0))
    effect = "output tokens per call" if group == "output" else "tokens per call"
    for part, grown in growth.items():
        effects[effect, _tokens(place, part)] += round(rate * grown * FINE)
    return effects


def _tokens(place: Place, part: str) -> str:
    values = place.template.change(lambda node: quantity(node.per_call(part)))
    return place.at(f"{part} tokens per call {values}")


def _calls(place: Place) -> str:
    values = (
        f"{node.calls / units:.2f}"
        for node, units in zip((place.whole.before, place.whole.after), place.units, strict=True)
    )
    return f"{place.feature}: calls per conversation {' → '.join(values)}"


def _cache(place: Place) -> str:
    branch = place.template
    reads = branch.change(lambda node: percent(node.input_share("cache_read")))
    writes = branch.change(lambda node: percent(node.input_share("cache_write")))
    written = any(node.tokens["cache_write"] for node in (branch.before, branch.after))
    return place.at(f"cache reads {reads}{f', writes {writes}' if written else ''} of input")


def _price(place: Place, name: str) -> tuple[str, str]:
    if name == "other":
        return "other charges", f"{place.feature}: charges of {place.model_name} not for tokens"
    return "price", f"{place.feature}: {name.replace('_', ' ')} price of {place.model_name}"
