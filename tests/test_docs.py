"""The pages that are made from the program are as the program is now."""

import subprocess
import sys
from pathlib import Path

from costscope.cli._app import COMMANDS

ROOT = Path(__file__).parent.parent
QUICK = ("commands", "exit-codes", "helps", "readers", "renderers", "levers")
"""All blocks but the demo, which `make check` runs."""


def test_the_pages_are_not_stale() -> None:
    command = [sys.executable, "docs/render.py", "--check", *QUICK]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr


def test_every_command_has_help_of_one_sentence() -> None:
    for entry in COMMANDS:
        assert entry.command.__doc__, entry.words
        assert entry.command.__doc__.splitlines()[0].endswith("."), entry.words


def test_every_block_is_on_a_page() -> None:
    text = "".join((ROOT / name).read_text() for name in ("README.md", "docs/reference.md"))
    for name in (*QUICK, "demo"):
        assert f"<!-- {name} -->" in text
        assert f"<!-- /{name} -->" in text


def test_the_changelog_has_an_unreleased_section() -> None:
    assert "## [Unreleased]" in (ROOT / "docs" / "changelog.md").read_text()
