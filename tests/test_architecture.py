"""The house rules that a machine can hold: floors, owners, sizes, cold start, top level."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "costscope"
MODULES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}

FLOORS = (
    ("__main__",),
    ("cli",),
    ("pipeline",),
    ("gate", "budgets", "explain"),
    ("advise", "ingest", "misses"),
    ("reports",),
    ("readers", "levers", "renderers"),
    ("store", "prices", "attribute"),
    ("tokens", "plugins", "config", "sources"),
    ("model", "filters"),
    ("columns", "errors", "once", "places", "second", "text", "vocab"),
)
"""From the top down. A room imports from floors below its own, never from its own or from above."""
HEIGHT = {room: -floor for floor, rooms in enumerate(FLOORS) for room in rooms}

OWNERS = {
    "duckdb": {"store"},
    "typer": {"cli"},
    "tiktoken": {"tokens"},
    "toktok": {"tokens"},
    "rich": {"renderers", "cli"},
    "genai_prices": {"prices"},
}
HEAVY = {"duckdb", "polars", "pyarrow", "numpy", "genai_prices", "tiktoken", "rich"}
"""What no cold start may load."""
TOP = {
    "costscope", "tests", "sample_logs", "docs", "pyproject.toml", "Makefile", "README.md", "LICENSE",
    "action.yml",
}  # fmt: skip
MADE = {"dist", "build", "htmlcov"}
"""May lie there while somebody works; .gitignore has them."""


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, also inside functions and for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_used(path: Path) -> set[str]:
    inside = (name.split(".")[1] for name in imports(TREES[path]) if name.startswith("costscope."))
    return {name for name in inside if not name.startswith("__")} - {room_of(path)}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in MODULES} - {"__init__"} <= set(HEIGHT)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_run_downstairs_only(path: Path) -> None:
    if room_of(path) == "__init__":
        assert not rooms_used(path)
        return
    upstairs = {room for room in rooms_used(path) if HEIGHT[room] >= HEIGHT[room_of(path)]}
    assert not upstairs


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_library_has_its_owner(path: Path) -> None:
    for name in {name.split(".")[0] for name in imports(TREES[path])} & set(OWNERS):
        assert room_of(path) in OWNERS[name], name


@pytest.mark.parametrize("folder", ["readers", "levers", "renderers"])
def test_plugins_do_not_import_each_other(folder: str) -> None:
    for path in (PACKAGE / folder).glob("*.py"):
        inside = [name for name in imports(TREES[path]) if name.startswith(f"costscope.{folder}.")]
        shared = {"interface"} | {p.stem for p in (PACKAGE / folder).glob("_*")}
        assert {name.split(".")[2] for name in inside} <= shared, name_of(path)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_is_at_most_400_lines_and_opens_with_a_sentence(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    sentence = ast.get_docstring(TREES[path])
    assert sentence
    assert len(sentence.splitlines()) <= 10


def test_functions_are_short() -> None:
    sizes = {f"{name_of(p)}:{f.name}": lines(f) for p in MODULES for f in functions(TREES[p])}
    assert {name: size for name, size in sizes.items() if size > 60} == {}
    assert median(sizes.values()) <= 10


def test_the_terminal_is_a_small_part() -> None:
    size = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert sum(n for path, n in size.items() if room_of(path) == "cli") <= 0.15 * sum(size.values())


def test_nothing_catches_everything_but_main() -> None:
    caught = [
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and not raises_again(node)
    ]
    assert [place.split(":")[0] for place in caught] == ["cli/__init__.py"]


def is_broad(node: ast.ExceptHandler) -> bool:
    named = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    names = {part.id for part in named if isinstance(part, ast.Name)}
    return node.type is None or bool(names & {"Exception", "BaseException"})


def raises_again(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_only_main_ends_the_process() -> None:
    ending = {"exit", "_exit", "abort", "SystemExit"}
    for path in MODULES:
        called = [n.func for n in ast.walk(TREES[path]) if isinstance(n, ast.Call)]
        names = {getattr(f, "attr", getattr(f, "id", "")) for f in called}
        assert not names & ending or name_of(path) == "cli/__init__.py", name_of(path)


@pytest.mark.parametrize("arguments", [["--help"], ["report", "--help"], ["--version"]])
def test_a_cold_start_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom costscope.cli import code_of\n"
        f"code = code_of({arguments!r})\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout
    assert "costscope" in done.stderr.split()
    assert not set(done.stderr.split()) & HEAVY


def test_the_top_level_is_fixed() -> None:
    there = {p.name for p in ROOT.iterdir() if not p.name.startswith(".")}
    assert there - MADE <= TOP
    assert {"costscope", "tests", "pyproject.toml", "Makefile", "README.md", "LICENSE"} <= there
