"""Agents that make the same tool call, with the same result, again and again."""

import pytest

from costscope.errors import SettingsError
from costscope.levers.waste_loops import WasteLoops
from costscope.model import Trait
from tests.levers.wasted import INPUT, OUTPUT, clean, dropped, saved, unchanged
from tests.workloads import call, part, query, shuffled, system, workload

LEVER = WasteLoops()


def agent(steps, session="s", start=0, **columns):
    """A run of an agent: call n asks for tool steps[n][0], of which call n + 1 shows the result
    steps[n][1] behind all before it; the last call answers in words. Named "session 0" and so on."""
    calls, history = [], []
    for n, (tool, result) in enumerate([*steps, (None, None)]):
        before = [
            part(segment if k >= len(history) - 2 else "history", 10, text, role=role, kind=kind)
            for k, (segment, text, role, kind) in enumerate(history)
        ]
        reply = part("output", 20, tool or "done", role="assistant", kind="tool_call")
        if tool is None:
            reply = part("output", 20, "done", role="assistant")
        more = {
            "traits": Trait.TOOL_CALLED if tool else 0, "session": session, "at": start + 10 * n,
            "request": f"{session} {n}",
        } | columns  # fmt: skip
        prompt = (system(100), query(50, f"task of {session}"), *before)
        calls.append(call(f"{session} {n:02}", *prompt, reply, **more))
        history += [
            ("history", tool, "assistant", "tool_call"),
            ("context", result, "tool", "tool_result"),
        ]
    return calls


def numbers(work, lever=LEVER):
    return [int(call_id.split()[1]) for call_id in dropped(lever, work)]


LS, OPEN = ("ls", "a b"), ("open a", "text")


def test_from_the_fourth_time_on():
    assert numbers(workload(*agent([OPEN, *[LS] * 6, ("edit", "done")]))) == [4, 5, 6]


def test_cycles_are_loops():
    # Nothing is new from call 1 on, so that "ls" counts from call 2 and "open" from call 1.
    work = workload(*agent([LS, OPEN] * 5))
    assert numbers(work) == [7, 8, 9]
    (table,) = LEVER.details(work, LEVER.apply(work))
    assert [row[:2] for row in table.rows] == [("a cycle of steps", 3)]


@pytest.mark.parametrize(
    "steps",
    [
        [LS, LS, LS, OPEN],
        [LS, ("edit 1", ""), LS, ("edit 2", "ok"), LS, ("edit 3", "ok"), LS, ("edit 4", "ok"), LS],
        [("ls", f"files {n}") for n in range(9)],
        [(f"open {n}", "text") for n in range(9)],
        [("ls", "")] * 9,
    ],
)
def test_what_is_no_loop(steps):
    assert unchanged(LEVER, *agent(steps))


def test_something_new_starts_the_count_again():
    assert numbers(workload(*agent([LS] * 3 + [OPEN] + [LS] * 5))) == [7, 8]


def test_other_conversations_do_not_count():
    assert unchanged(LEVER, *agent([LS] * 3), *agent([LS] * 3, "t"))
    assert unchanged(LEVER, *agent([LS] * 9, session=None))


def test_a_retry_of_a_step_is_one_step():
    steps = agent([LS] * 4)
    again = [(row | {"call_id": f"{row['call_id']} again"}, blocks) for row, blocks in steps[:3]]
    assert dropped(LEVER, workload(*steps, *again)) == ["s 03"]


def test_without_times_the_growing_prompt_tells_the_order():
    assert numbers(workload(*agent([LS] * 6, sent_at=None))) == [3, 4, 5]


def test_scenarios_and_settings():
    low, high = LEVER.scenarios()
    work = workload(*agent([LS] * 9))
    assert [len(numbers(work, lever)) for lever in (low, LEVER, high)] == [2, 6, 7]
    with pytest.raises(SettingsError, match="times is 1"):
        WasteLoops(times=1)


def test_its_words():
    work = workload(*agent([LS] * 6))
    after = LEVER.apply(work)
    assert "3 looping calls (43% of all calls)" in LEVER.action(work, after)
    assert LEVER.notes(work, after) == [
        "Loops are in 1 conversation; the first 3 times of a step are kept, and whatever is new starts the "
        "count again."
    ]


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows_does_not_matter(seed):
    work = workload(*agent([LS] * 6), *agent([OPEN] * 5, "t"), *clean(5))
    assert dropped(LEVER, shuffled(work, seed)) == ["s 03", "s 04", "s 05", "t 03", "t 04"]


def test_planted():
    # In each of 5 runs call n sends 150 + 20 n tokens and gets 20; calls 3 to 11 are of a loop.
    runs = [made for n in range(5) for made in agent([LS] * 12, f"run{n}", 1_000 * n)]
    prompts = sum(150 + 20 * n for n in range(3, 12))
    assert saved("waste_loops", *runs, *clean()) == 5 * (prompts * INPUT + 9 * 20 * OUTPUT)
    good = [made for n in range(5) for made in agent([LS, OPEN, LS], f"run{n}", 1_000 * n)]
    assert saved("waste_loops", *good, *clean()) == 0
