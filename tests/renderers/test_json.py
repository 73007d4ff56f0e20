"""The JSON document: stable bytes, exact money, no NaN."""

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

from costscope.model import Report
from costscope.renderers.json import Json
from tests.hard_report import HOSTILE, REPORT


def render(data: Any) -> str:
    return Json().render(Report("x", "X", data))


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("report.json", Json().render(REPORT))


def test_the_version_comes_first_and_the_rest_in_its_own_order() -> None:
    document = render({"z": 1, "a": 2})
    assert list(json.loads(document)) == ["schema_version", "z", "a"]
    assert document == '{\n  "schema_version": 1,\n  "z": 1,\n  "a": 2\n}\n'


def test_text_survives_and_is_ascii() -> None:
    texts = [*(text for text in HOSTILE if "\ud800" not in text), "漢字 😀 \x7f"]
    document = render({"texts": texts})
    assert document.isascii()
    assert json.loads(document)["texts"] == texts


def test_half_a_surrogate_pair_does_not_get_out() -> None:
    assert json.loads(render({"x": "a\ud800b", "y": "\ud83d\ude00"})) == {
        "schema_version": 1, "x": "a\ufffdb", "y": "😀",
    }  # fmt: skip


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_no_nan(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        render({"x": number})


def test_a_view_of_a_mapping_is_an_object() -> None:
    assert json.loads(render({"x": MappingProxyType({"a": 1})}))["x"] == {"a": 1}


def test_a_value_without_a_json_form_is_an_error_that_names_it() -> None:
    with pytest.raises(TypeError, match="set has no place"):
        render({"x": {1}})
