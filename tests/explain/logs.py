"""A log of a chat whose system prompt begins with a date, and whose template changes once."""

from pathlib import Path
from typing import Any

from costscope import config, plugins
from costscope.config import Config
from tests.ingest.logs import Record, call, write

RULES = (
    "You answer questions on greenhouses.\nStay with what the documents say, and be brief.\n"
    "Never promise a date of delivery.\nGive sizes in metres, and prices with tax.\n"
)
MORE = "Ask for the order number before you look anything up.\n"


def chat(session: int, turn: int, *, version: int = 1, **more: Any) -> Record:
    """One turn of a conversation; the second version of the template has a line more."""
    system = f"Conversation {session} of this season, opened at minute {session}.\n{RULES}"
    said = [{"role": "system", "content": system + MORE * (version == 2)}]
    for i in range(turn):
        said += [{"role": "user", "content": f"Question {session}.{i}: how large is it?"}]
        said += [{"role": "assistant", "content": f"It is {session + i} metres long."}]
    record = call(100 * session + turn, **more)
    record["timestamp"] = f"2026-11-{1 + session:02}T08:{turn:02}:00.5Z"
    record["request"]["messages"] = said[:-1]
    record["response"]["choices"] = [{"message": said[-1]}]
    record["response"]["usage"] = {"prompt_tokens": 120 + 40 * turn, "completion_tokens": 9}
    record["metadata"] = {"feature": "chat", "session": f"s{session}"}
    return record


def log(path: Path, sessions: int = 8, turns: int = 3) -> Path:
    """Conversations of three turns, one a day; from the fifth on with the second version."""
    return write(path, [
        chat(s, t, version=1 + (s >= 4)) for s in range(sessions) for t in range(1, turns + 1)
    ])  # fmt: skip


def settings(folder: Path) -> Config:
    """Default settings with the store in a folder."""
    flags = {"db": str(folder / "store.duckdb")}
    return config.load(folder, {}, levers=plugins.names("levers"), flags=flags)
