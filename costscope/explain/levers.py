"""One lever with its settings as they are in force, what they mean, and what it comes to on a log."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Any

from costscope import plugins
from costscope.config.kinds import default_of, kind_of, settable
from costscope.levers.interface import Lever
from costscope.reports.lever import Described, Setting
from costscope.reports.simulation import Simulation


def lever_named(word: str) -> str:
    """The name of the lever that a word means, by its name or its flag; "" where it means none."""
    name = word.replace("-", "_")
    if name in plugins.names("levers"):
        return name
    return next((n for n, cls in plugins.all_of("levers").items() if cls.flag == word), "")


def described(lever: Lever, result: Simulation | None) -> Described:
    """A lever as it is set, with what it alone would have saved, where there is a log."""
    cls = type(lever)
    said = _said(cls)
    settings = [
        Setting(name, kind_of(item), getattr(lever, name), default_of(item), said.get(name, ""))
        for name, item in settable(cls).items()
    ]
    about = " ".join(inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0].split())
    return Described(lever, about, settings, result)


def _said(cls: type[Any]) -> dict[str, str]:
    """Setting → the text that stands below it in the class."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, SyntaxError):  # a program that was shipped without its sources
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match text:
                case ast.Expr(value=ast.Constant(value=str(said))):
                    found[field.target.id] = " ".join(said.split())
    return found
