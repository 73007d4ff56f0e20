"""What a renderer is: a report in, text or bytes out. It prints nothing and computes no figure."""

from abc import ABC, abstractmethod
from typing import ClassVar

from costscope.model import Report


class Renderer(ABC):
    """One output format. Options of one format are its constructor's, never the shared signature's."""

    name: ClassVar[str]
    """Set by the registry from the file's name: what `--format` takes."""
    suffixes: ClassVar[tuple[str, ...]]
    """File name endings that mean this format: (".md",)."""

    @abstractmethod
    def render(self, report: Report) -> str | bytes:
        """The whole output, ending in a newline where it is text. Same report, same output."""


PLUGIN = Renderer
