"""Where output goes: data on stdout and into files, everything else on stderr."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from costscope import plugins
from costscope.errors import InputError, SettingsError
from costscope.model import Report

DEFAULT = "table"
WIDTH = 100


def is_terminal(stream: IO[Any], env: Mapping[str, str]) -> bool:
    """Whether colours and box art belong there. NO_COLOR wins over FORCE_COLOR; an empty variable
    counts as not set."""
    if env.get("NO_COLOR") or env.get("TERM") in ("dumb", "unknown"):
        return False
    if env.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty()


def drop_stdout() -> None:
    """Nobody reads stdout any more: what is still to come goes nowhere, and nothing complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@dataclass(frozen=True)
class Output:
    """What to write: a format for stdout, and files with the format of each."""

    format: str = DEFAULT
    files: tuple[tuple[Path, str], ...] = ()

    @classmethod
    def of(cls, format_: str | None, json: bool, files: Sequence[Path]) -> Output:
        """From the options. Raises SettingsError for a format or a file name that means none."""
        if json and format_ not in (None, "json"):
            raise SettingsError(f"--json and --format {format_} exclude each other")
        chosen = "json" if json else format_ or DEFAULT
        plugins.load("renderers", chosen)
        return cls(chosen, tuple((path, _format_of(path)) for path in files))

    def show(self, *reports: Report, text: str | None = None) -> None:
        """Writes reports, several one after another; as JSON they are one object with a key each. `text`
        is what stdout gets in their place where no format was asked for."""
        for path, name in self.files:
            try:
                path.write_bytes(_bytes(_rendered(name, reports)))
            except OSError as error:
                raise InputError(f"{path}: cannot be written ({error.strerror})") from error
        if text is not None and self.format == DEFAULT:
            to_stdout(_bytes(text))
            return
        terminal = is_terminal(sys.stdout, os.environ)
        to_stdout(_bytes(_rendered(self.format, reports, terminal=terminal)))


def _format_of(path: Path) -> str:
    """The format that a file's name means; the longest ending decides."""
    owners = {s: name for name, cls in plugins.all_of("renderers").items() for s in cls.suffixes}
    fitting = [suffix for suffix in owners if path.name.lower().endswith(suffix)]
    if not fitting:
        raise SettingsError(f"-o {path}: the name should end in {', '.join(sorted(owners))}")
    return owners[max(fitting, key=len)]


def _rendered(name: str, reports: Sequence[Report], *, terminal: bool = False) -> str | bytes:
    cls = plugins.load("renderers", name)
    options: dict[str, Any] = {}
    if name == DEFAULT and terminal:
        width = shutil.get_terminal_size((WIDTH, 24)).columns
        options = {"terminal": True, "width": width}
    if name == "json" and len(reports) > 1:
        reports = [Report("all", "", {report.name: report.data for report in reports})]
    texts = [cls(**options).render(report) for report in reports]
    return texts[0] if len(texts) == 1 else "\n".join(map(_text, texts))


def _text(content: str | bytes) -> str:
    return content if isinstance(content, str) else content.decode("utf-8")


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8")


def to_stdout(content: bytes) -> None:
    """As UTF-8, whatever the locale. A reader that has left (`| head`) does not change the verdict."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        drop_stdout()
