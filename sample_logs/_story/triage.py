"""ticket-triage: every night at two, yesterday's tickets one by one, as an OpenAI Responses log.

Planted: a frontier model for yes or no and for one label of six; nobody waits for the result, yet
nothing is batched. A trial with the flex tier on one night is all that anybody tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from _story.chat import ERRORS
from _story.counting import FRAME, many, tokens
from _story.manual import place
from _story.texts import products, prose, sections
from _story.weeks import WEEKS, later, split, stamp

MODEL, SERVED = "gpt-5.2", "gpt-5.2-2025-12-11"
NIGHTS = (8, 46, 44, 45, 42, 40, 15)
"""How busy the nights to Monday ... Sunday are: the tickets of the day before."""
TICKETS = 250
TRIAL_NIGHT = 3
TRIAL = ("flex",) * 6 + ("default",) * 2
"""The served tiers of the trial: all eight asked for flex, two did not get it."""
RETRIED = (20, 70, 71, 150, 231)
"""Which tickets of a week met a rate limit first."""
TASKS = {
    "urgent": "Is this ticket urgent? Answer with one word, yes or no.",
    "label": "Which one of these labels fits best: alarm, delivery, device fault, invoice, "
    "question, praise? Answer with the label.",
}


def triage() -> list[dict[str, Any]]:
    """Two weeks of nights as log records, in order of time."""
    found: list[dict[str, Any]] = []
    for week in (0, 1):
        rng = Random(f"triage/week {week}")
        number = 0
        for day, tickets in enumerate(split(TICKETS, NIGHTS)):
            at = WEEKS[week] + timedelta(days=day, hours=2, milliseconds=rng.randrange(4_000))
            for i in range(tickets):
                asked = "flex" if day == TRIAL_NIGHT and i < len(TRIAL) else ""
                served = TRIAL[i] if asked else "default"
                call = _Ticket(rng, number, asked)
                for status in (429, 200) if number in RETRIED else (200,):
                    found.append(call.record(at, status, served, len(found) + 1))
                    at = later(at, call.latency + rng.randrange(200, 1_900))
                number += 1
    return found


class _Ticket:
    """One request, the same at each attempt. Two of three ask whether it is urgent."""

    def __init__(self, rng: Random, number: int, asked: str) -> None:
        self.template = "label" if number % 3 == 2 else "urgent"
        self.instructions = prose("triage").format(task=TASKS[self.template])
        self.text = _ticket(rng)
        self.asked = asked
        labels = sections("tickets")["labels"]
        self.reply = rng.choice(labels) if self.template == "label" else _yes_or_no(rng)
        self.thought = rng.choice((0, 64, 64, 128, 128, 192))
        self.latency = 600 + 9 * self.thought + rng.randrange(500)

    def record(self, at: datetime, status: int, served: str, number: int) -> dict[str, Any]:
        """The log record of one attempt."""
        tier = {"service_tier": self.asked} if self.asked else {}
        body = {
            "model": MODEL,
            "instructions": self.instructions,
            "input": [{"role": "user", "content": [{"type": "input_text", "text": self.text}]}],
            "reasoning": {"effort": "low"},
            "max_output_tokens": 400,
            "store": False,
            **tier,
        }
        return {
            "timestamp": stamp(at),
            "latency_ms": self.latency if status == 200 else 130,
            "status_code": status,
            "body": body,
            "response": self._response(at, served, number) if status == 200 else _error(status),
            "metadata": {
                "feature": "ticket-triage", "team": "data", "template": self.template,
                "template_version": "v5", "job": f"nightly-{at:%Y-%m-%d}",
            },
        }  # fmt: skip

    def _response(self, at: datetime, served: str, number: int) -> dict[str, Any]:
        prompt = sum(many([self.instructions, self.text])) + 3 * FRAME
        answer = tokens(self.reply) + self.thought
        return {
            "id": f"resp_sample_{number:05d}",
            "object": "response",
            "created_at": int(at.timestamp()),
            "status": "completed",
            "model": SERVED,
            "output": [_message(self.reply, number)],
            "service_tier": served,
            "usage": {
                "input_tokens": prompt,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": answer,
                "output_tokens_details": {"reasoning_tokens": self.thought},
                "total_tokens": prompt + answer,
            },
        }


def _message(text: str, number: int) -> dict[str, Any]:
    return {
        "type": "message",
        "id": f"msg_sample_{number:05d}",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }


def _error(status: int) -> dict[str, Any]:
    kind, message = ERRORS[status]
    return {"error": {"type": kind, "message": message, "code": None}}


def _yes_or_no(rng: Random) -> str:
    return "yes" if rng.random() < 0.14 else "no"


def _ticket(rng: Random) -> str:
    """A subject and three to five sentences."""
    bank = sections("tickets")
    lines = [*rng.sample(bank["facts"], rng.choice((1, 2))), *rng.sample(bank["rest"], 3)]
    subject = rng.choice(bank["subjects"])
    return "\n".join(_filled([f"Subject: {subject}", "", " ".join(lines)], rng))


def _filled(lines: list[str], rng: Random) -> Iterator[str]:
    weekdays = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    slots = {
        **rng.choice(products()),
        "place": place(rng),
        "weekday": rng.choice(weekdays),
        "hour": str(rng.randrange(1, 24)),
        "n": str(rng.randrange(2, 30)),
    }
    return (line.format(**slots) for line in lines)
