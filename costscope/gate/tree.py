"""Both sides' cells as a tree, feature → template → model, with the names that people read.

It only lays side by side; what a difference costs is the business of drivers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from costscope.gate.sums import PARTS, TOKEN_CLASSES, Cell, Key, Sums
from costscope.reports.verdict import percent

GROUPS = {"input": TOKEN_CLASSES[:-1], "output": ("output",), "other": ("other",)}
"""Token classes that are one size: the cache moves tokens between classes of a group."""

GROUP_PARTS = {"input": PARTS[:-1], "output": ("output", "reasoning"), "other": ()}


@dataclass(frozen=True)
class Node:
    """Calls at one level of the tree: their tokens and cost by class, and their tokens by part."""

    calls: int
    tokens: Mapping[str, int]
    cost: Mapping[str, int]
    parts: Mapping[str, int]
    versions: tuple[str, ...]

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Node:
        """The sum of some cells (none: all zero)."""
        tokens, cost, parts = Counter[str](), Counter[str](), Counter[str]()
        for cell in cells:
            tokens.update({**cell.tokens, "other": cell.calls})
            cost.update(cell.cost)
            parts.update(cell.parts)
        parts["output"] = tokens["output"] - parts["reasoning"]
        versions = {cell.key.template_version for cell in cells} - {"(none)"}
        return cls(sum(c.calls for c in cells), tokens, cost, parts, tuple(sorted(versions)))

    def size(self, group: str) -> int:
        """Tokens of a group of classes."""
        return sum(self.tokens[name] for name in GROUPS[group])

    def per_call(self, part: str) -> Fraction:
        """Tokens of a part per call."""
        return Fraction(self.parts[part], self.calls or 1)

    def input_share(self, name: str) -> Fraction:
        """A class's share of the input tokens."""
        return Fraction(self.tokens[name], self.size("input") or 1)


@dataclass(frozen=True)
class Branch:
    """The same calls on both sides."""

    before: Node
    after: Node

    def change(self, text: Callable[[Node], str]) -> str:
        """ "812 → 1,630": a figure of both sides."""
        return f"{text(self.before)} → {text(self.after)}"


@dataclass(frozen=True)
class Place:
    """A leaf of the tree with the branches above it. `units`: of the feature, on both sides.

    `label` names the template ("template answer v3 → v4") or is empty; `template_mix` and
    `model_mix` say how the shares of calls moved.
    """

    feature: str
    units: tuple[int, int]
    whole: Branch
    template: Branch
    model: Branch
    model_name: str
    label: str
    template_mix: str
    model_mix: str

    def at(self, text: str) -> str:
        """The text with the path to this place before it."""
        return f"{self.feature}: {self.label}, {text}" if self.label else f"{self.feature}: {text}"


Cells = list[Cell]
Sides = tuple[Cells, Cells]


def places(before: Sums, after: Sums, feature: str, bottom: str) -> Iterator[Place]:
    """Every leaf of a feature that is on both sides; `bottom` is the unit that costs are per."""
    old, new = ([c for c in side.cells if c.key.feature == feature] for side in (before, after))
    units = (before.features[feature].sums[bottom], after.features[feature].sums[bottom])
    trunk, renamed = _branch((old, new)), _renamed(old, new)
    templates = _branches((old, new), lambda key: key.template, renamed)
    template_mix = f"templates {_shares(templates)}"
    for template, sides in templates.items():
        branch, models = _branch(sides), _branches(sides, _model, {})
        label, model_mix = _label(template, renamed, branch), f"models {_shares(models)}"
        for name, leaf in models.items():
            yield Place(
                feature, units, trunk, branch, _branch(leaf), name, label, template_mix, model_mix
            )


def _branch(sides: Sides) -> Branch:
    return Branch(Node.of(sides[0]), Node.of(sides[1]))


def _branches(
    sides: Sides, name_of: Callable[[Key], str], renamed: Mapping[str, str]
) -> dict[str, Sides]:
    """Cells of both sides by name; what was renamed on the second side goes by its old name."""
    branches: dict[str, Sides] = {}
    for side, cells in enumerate(sides):
        for cell in cells:
            name = name_of(cell.key)
            name = renamed.get(name, name) if side else name
            branches.setdefault(name, ([], []))[side].append(cell)
    return dict(sorted(branches.items()))


def _model(key: Key) -> str:
    """A model with what else decides its price, where that is not the usual."""
    extras = [x for x in (key.channel, key.tier) if x not in ("", "direct", "standard")]
    return " ".join([key.model, *extras])


def _renamed(old: Cells, new: Cells) -> dict[str, str]:
    """New name → old name, if exactly one template of the feature went and one came."""
    before, after = ({cell.key.template for cell in cells} for cells in (old, new))
    gone, come = before - after, after - before
    return {come.pop(): gone.pop()} if len(gone) == len(come) == 1 else {}


def _label(template: str, renamed: Mapping[str, str], branch: Branch) -> str:
    came = next((new for new, old in renamed.items() if old == template), None)
    if came:
        return f"template {template} → {came}"
    old, new = _versions(branch.before.versions), _versions(branch.after.versions)
    changed = old != new and branch.before.calls and branch.after.calls
    if template == "(none)" and not changed:
        return ""
    return f"template {template} {old} → {new}" if changed else f"template {template}"


def _versions(versions: Sequence[str]) -> str:
    shown = [f"v{v}" if v[:1].isdigit() else v for v in versions[:3]]
    return ", ".join(shown + ["…"] * (len(versions) > 3)) or "(none)"


def _shares(branches: Mapping[str, Sides]) -> str:
    """ "a 100 % → 40 %, b 0 % → 60 %": the three whose share of the calls changed most."""
    calls = {
        name: [sum(c.calls for c in cells) for cells in sides] for name, sides in branches.items()
    }
    totals = [sum(column) or 1 for column in zip(*calls.values(), strict=True)]
    shares = {
        name: [Fraction(count, total) for count, total in zip(counts, totals, strict=True)]
        for name, counts in calls.items()
    }
    order = sorted(shares, key=lambda name: (-abs(shares[name][1] - shares[name][0]), name))
    return ", ".join(f"{n} {percent(shares[n][0])} → {percent(shares[n][1])}" for n in order[:3])
