"""Every prompt shape of the harness, cut by its marks alone and held against the truth, and texts of people
that must stay whole."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from costscope.attribute.markers import cut

FOLDER = Path(__file__).parent.parent / "bench" / "shapes"
CALLS = 6
RIGHT = 0.98


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_shapes", FOLDER / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SHAPES = loaded()
MARKED = {shape.name: shape for shape in SHAPES.shapes() if shape.kind == "marked"}
PEOPLE = [message.text for message in SHAPES.plain()]
HARD = (
    "Frequently asked\nQuestion: Can I pay by card?\nAnswer: Yes, at every till.\nQuestion: Why?\nAnswer: Why not.",
    "# Setup guide\n\n## Requirements\n\nA valve and a wrench.\n\n---\n\nNote: wear gloves. See the documents "
    "below:\n\n- manual\n- data sheet",
    "Call log\nUser: the lamp is red\nAssistant: please restart it\nUser: now it is green",
    "Example\n```\ncontext: prod\nquestion: none\n```\nThe file is read at start. Output: a line per host.",
    "Sources: annual report, page 4.\n\n<note>Internal</note> Use <b>bold</b> text in the answer only.",
)
"""Documents that hold marks themselves."""


def characters(messages: list) -> Counter:
    """(true, given) segment → characters; what is left to the place is query in a user message."""
    found: Counter = Counter()
    for message in messages:
        if message.role == "assistant" or message.runs[0][0] == "history":
            continue
        true = [segment for segment, text in message.runs for _ in text]
        place = "query" if message.role == "user" else "system"
        for part in cut(message.text, message.role):
            found.update((t, part.segment or place) for t in true[part.start : part.stop])
    return found


def share_right(matrix: Counter) -> float:
    return sum(n for (true, said), n in matrix.items() if true == said) / matrix.total()


def filled(name: str, extra: str = "") -> Counter:
    shape, found = MARKED[name], Counter()
    for task in SHAPES.tasks(shape.lang, own=True)[:CALLS]:
        documents = [task.documents[0], extra, *task.documents[1:]] if extra else task.documents
        found += characters(shape.fill(task._replace(documents=documents)))
    return found


@pytest.mark.parametrize("name", MARKED)
def test_marked_shapes_are_cut_at_their_borders(name: str) -> None:
    matrix = filled(name)
    assert share_right(matrix) >= RIGHT, matrix
    assert matrix["query", "context"] == 0


@pytest.mark.parametrize("name", MARKED)
def test_marks_inside_documents_mislead_little_and_never_take_the_query(name: str) -> None:
    matrix = sum((filled(name, extra) for extra in HARD), Counter())
    assert share_right(matrix) >= RIGHT - 0.03, matrix
    assert matrix["query", "context"] <= 0.02 * sum(
        n for (t, _), n in matrix.items() if t == "query"
    )


@pytest.mark.parametrize("text", PEOPLE, ids=range(len(PEOPLE)))
def test_what_people_write_stays_whole(text: str) -> None:
    assert {part.segment for part in cut(text, "user")} == {""}


def test_the_shapes_are_many_and_have_names_of_their_own() -> None:
    names = [shape.name for shape in SHAPES.shapes()]
    assert len(names) == len(set(names))
    assert len(MARKED) >= 40
    assert len(PEOPLE) >= 20
