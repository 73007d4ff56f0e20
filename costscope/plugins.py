"""A folder is a registry, a file is a plug-in: readers, levers and renderers are found, not listed.

A plug-in is a module in `costscope/<folder>/` whose name has no leading underscore and is not
`interface`; it defines exactly one class of that folder's base, and is known by its file's name.
Folders named in COSTSCOPE_PLUGINS (separated like PATH) are searched in the same way.
"""

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from costscope.errors import SettingsError

ENV = "COSTSCOPE_PLUGINS"


def names(folder: str) -> tuple[str, ...]:
    """The plug-ins of a folder ("readers", "levers", "renderers"), sorted."""
    return tuple(sorted(_places(folder, os.environ.get(ENV, ""))))


def load(folder: str, name: str) -> type[Any]:
    """The class of one plug-in. Raises SettingsError if there is none of that name."""
    places = _places(folder, os.environ.get(ENV, ""))
    if name not in places:
        known = ", ".join(sorted(places))
        raise SettingsError(f"no {folder[:-1]} is called {name!r}; there are: {known}")
    return _class(folder, name, places[name])


def all_of(folder: str) -> dict[str, type[Any]]:
    """Every plug-in class of a folder by name, in order of name."""
    return {name: load(folder, name) for name in names(folder)}


@cache
def _places(folder: str, extra: str) -> dict[str, str | None]:
    """name → file outside the package, or None for a module of the package."""
    package = importlib.import_module(f"costscope.{folder}")
    found: dict[str, str | None] = {
        m.name: None for m in pkgutil.iter_modules(package.__path__) if _is_plugin(m.name)
    }
    for path in _extra_files(folder, extra):
        found[path.stem] = str(path)
    return found


def _extra_files(folder: str, extra: str) -> Iterator[Path]:
    for root in filter(None, extra.split(os.pathsep)):
        if not Path(root).is_dir():
            raise SettingsError(f"{ENV} names {root}, which is no folder")
        yield from (p for p in sorted(Path(root, folder).glob("*.py")) if _is_plugin(p.stem))


def _is_plugin(name: str) -> bool:
    return not name.startswith("_") and name != "interface"


@cache
def _class(folder: str, name: str, file: str | None) -> type[Any]:
    base = importlib.import_module(f"costscope.{folder}.interface").PLUGIN
    module = importlib.import_module(f"costscope.{folder}.{name}") if file is None else _from(file)
    own = [
        c for c in vars(module).values()
        if inspect.isclass(c) and issubclass(c, base) and c.__module__ == module.__name__
    ]  # fmt: skip
    if len(own) != 1:
        raise SettingsError(
            f"{module.__file__} should define one {base.__name__}, it has {len(own)}"
        )
    found: Any = own[0]
    found.name = name
    return cast(type[Any], found)


def _from(file: str) -> ModuleType:
    module_name = f"costscope_plugin_{Path(file).parent.name}_{Path(file).stem}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise SettingsError(f"{file} cannot be loaded as a plug-in")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module
