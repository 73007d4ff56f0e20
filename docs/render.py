"""Fills README.md and docs/reference.md from the program itself, or with --check says what is stale.

A block stands between `<!-- name -->` and `<!-- /name -->`. Names may be given to do only those.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from costscope import plugins
from costscope.cli._app import COMMANDS
from costscope.config.kinds import default_of, kind_of, settable
from costscope.errors import ExitCode

ROOT = Path(__file__).parent.parent
FILES = (ROOT / "README.md", ROOT / "docs" / "reference.md")
PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", "LC_ALL": "C.UTF-8"}


def costscope(*arguments: str) -> str:
    """What the program prints, without colour and without anybody's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COSTSCOPE_", "XDG_"))}
    done = subprocess.run(
        [sys.executable, "-m", "costscope", *arguments],
        capture_output=True, text=True, check=True, cwd=ROOT / "docs", env={**kept, **PLAIN},
    )  # fmt: skip
    return done.stdout.rstrip()


def demo() -> str:
    """The tour."""
    return f"```text\n$ costscope demo\n{costscope('demo')}\n```"


def commands() -> str:
    """A row for each command."""
    rows = [(f"`costscope {e.words}`", (e.command.__doc__ or "").splitlines()[0]) for e in COMMANDS]
    return table(("command", "what it does"), rows)


def exit_codes() -> str:
    """A row for each exit code."""
    meanings = {
        ExitCode.OK: "The command did what it was asked.",
        ExitCode.FAILED: "A gate or a budget failed. The report was written first.",
        ExitCode.UNABLE: "It could not run: wrong usage, unreadable input, no calls, too much "
        "without a price, or an internal error. One line on stderr says which.",
        ExitCode.INCONCLUSIVE: "Too little evidence, where you asked for that to count.",
    }
    return table(("code", "meaning"), [(str(int(code)), meanings[code]) for code in ExitCode])


def helps() -> str:
    """`--help` of each command."""
    texts = ((e.words, costscope(*e.words.split(), "--help")) for e in COMMANDS)
    return "\n\n".join(f"### costscope {words}\n\n```text\n{text}\n```" for words, text in texts)


def readers() -> str:
    """A row for each format that is read."""
    found = plugins.all_of("readers").items()
    return table(("reader", "logs"), [(f"`{name}`", cls.about) for name, cls in found])


def renderers() -> str:
    """A row for each output."""
    found = plugins.all_of("renderers").items()
    rows = [(f"`{name}`", ", ".join(cls.suffixes), sentence(cls)) for name, cls in found]
    return table(("format", "file names", "what it is"), rows)


def levers() -> str:
    """A section for each lever, with its settings."""
    return "\n\n".join(_lever(cls) for cls in plugins.all_of("levers").values())


def _lever(cls: type[Any]) -> str:
    fields = settable(cls).values()
    rows = [(f"`{f.name}`", f"`{kind_of(f)}`", f"`{shown(default_of(f))}`") for f in fields]
    about = f"{cls.title} (`--{cls.flag}`; effort {cls.effort}, risk {cls.risk}). {sentence(cls)}"
    return f"### {cls.name}\n\n{about}\n\n{table(('setting', 'kind', 'default'), rows)}"


def shown(value: object) -> str:
    """A default as it would be written, a long one cut."""
    text = str(value).replace("|", "\\|") if value != "" else '""'
    return text if len(text) <= 60 else text[:57] + "..."


def sentence(cls: type[Any]) -> str:
    """The first paragraph of a class's docstring on one line."""
    return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table in GitHub's form."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


BLOCKS: dict[str, Callable[[], str]] = {
    "demo": demo, "commands": commands, "exit-codes": exit_codes, "helps": helps,
    "readers": readers, "renderers": renderers, "levers": levers,
}  # fmt: skip


def filled(text: str, wanted: list[str]) -> str:
    """A page with the wanted blocks made anew."""
    for name in wanted:
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        if block.search(text):
            content = BLOCKS[name]()
            text = block.sub(lambda m, c=content: f"{m[1]}{c}\n{m[2]}", text)  # type: ignore[misc]
    return text


def main() -> None:
    """Writes the pages, or with --check ends with 1 if one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page is stale")
    parser.add_argument("names", nargs="*", metavar="BLOCK", help=f"of {', '.join(BLOCKS)}")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BLOCKS):
        parser.error(f"there is no block {', '.join(sorted(unknown))}")
    stale = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        new = filled(text, options.names or list(BLOCKS))
        if new != text:
            stale.append(path.relative_to(ROOT).as_posix())
            if not options.check:
                path.write_text(new, encoding="utf-8")
    if options.check and stale:
        sys.exit(f"stale, run `make docs`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
