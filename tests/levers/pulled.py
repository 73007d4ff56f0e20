"""Every lever of the registry pulled on the made-up logs, once for all tests of the contract."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from costscope import plugins
from costscope.levers.interface import Lever
from costscope.model import Workload
from tests.levers.made_logs import LOGS, Known

EAGER: dict[str, dict[str, Any]] = {
    "batching": {"burst_calls": 5, "busy_share": 1.0},
    "flex": {"burst_calls": 5},
    "fine_tuning": {
        "model": "ft:gpt-4.1-mini-2025-04-14", "min_calls": 10, "min_template_tokens": 20,
        "keep": (),
    },
    "history": {"turns": 1},
    "prompt_cache": {"capacity": "unlimited"},
    "response_cache": {"any_temperature": True},
    "semantic_cache": {"threshold": 0.5, "lead": 0.0},
    "routing": {"classifier_model": "gpt-4.1-nano", "retry_share": 0.5},
    "self_hosting": {"models": ("*",), "gpu_watts": 900},
}  # fmt: skip
"""Settings under which a lever finds more in small logs than by default."""


AGAIN = {
    "batching": "calls in the batch tier are left alone",
    "cache_tuning": "what is chosen is chosen on the log as it was, and is in force then",
    "compaction": "a text that was written shorter cannot be written shorter",
    "context": "what was cut away is gone",
    "fine_tuning": "tuned calls go to somebody's own model already",
    "history": "what is older than the window is gone",
    "micro_batching": "the calls that could be packed are packed",
    "output": "no reply is longer than the cap",
    "prompt_cache": "what is cached already is left as it is",
    "self_hosting": "the calls that it moves are gone",
    "stable_first": "blocks are in that order already",
    "system_prompt": "what was there twice is there once",
    "waste_aborted": "the waste is gone",
    "waste_cut_answers": "the waste is gone",
    "waste_embeddings": "the waste is gone",
    "waste_loops": "the waste is gone",
    "waste_repeats": "the waste is gone",
    "waste_retries": "the waste is gone",
    "waste_unused": "the waste is gone",
}
"""Levers of which a second time changes nothing, and why."""

NOT_AGAIN = {
    "cascade": "the cheaper model can have a cheaper one itself",
    "flex": "of those that flex refused, most are not refused the next time",
    "learned_routing": "it learns anew from a log in which other models answered",
    "response_cache": "an answer that a repeat renewed after its time serves others when it is gone",
    "routing": "the cheaper model can have a cheaper one itself, and asking again is paid again",
    "semantic_cache": "an answer that a like question renewed serves others when that is gone",
    "warm_cache": "pings are calls beside the log: nothing in it tells that they are sent already",
}
"""Levers that find more a second time, and why that is no fault."""


UNTRIED = {"learned_routing": "it takes hundreds of judged answers, which its own test has"}
"""Levers for which the logs here have nothing, and why."""


@cache
def made(log: str) -> Workload:
    return LOGS[log]()


def anew(log: str) -> Workload:
    """An equal log of which nothing is remembered."""
    work = made(log)
    calls, parts, fees = work.calls.clone(), work.parts.clone(), work.fees.clone()
    texts = work.texts and Known(work.texts.said)
    return replace(work, calls=calls, parts=parts, fees=fees, texts=texts)


def settings(name: str) -> list[Lever]:
    """A lever by default, eager, and under the assumptions and settings that it offers itself."""
    cls = plugins.load("levers", name)
    default = cls()
    offered = [
        *default.scenarios(),
        *getattr(default, "variants", tuple)(),
        *eager(name).scenarios(),
    ]
    found: list[Lever] = []
    for lever in (default, eager(name), *offered):
        if lever not in found:
            found.append(lever)
    return found


@cache
def applied(name: str) -> list[tuple[str, Lever, Workload, Workload]]:
    """(log and settings in words, lever, before, after): eager on every log, at other settings on the
    one that has everything."""
    pairs = [(log, eager(name)) for log in LOGS]
    pairs += [("a mixture", lever) for lever in settings(name) if lever != eager(name)]
    return [(f"{lever} on {log}", lever, made(log), lever.apply(made(log))) for log, lever in pairs]


def eager(name: str) -> Lever:
    return plugins.load("levers", name)(**EAGER.get(name, {}))
