"""Shorter system prompts: lines that recur, examples beyond a few, a share of all; nothing else."""

import polars as pl
import pytest

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._cut.system import example_spans, judged, repetitions, without
from costscope.prices import PriceBook
from costscope.tokens import count
from tests.levers.said import reading, words
from tests.workloads import call, output, part, query, shuffled, system, tokens, workload

SystemPrompt = plugins.load("levers", "system_prompt")

RULE = "Always answer in the language of the customer, and never in another one."
TWICE = f"You are a helpful agent of the shop.\n- {RULE}\n- Be brief.\n\nRemember:\n2. {RULE}\n- Be kind.\n"
ONCE = f"You are a helpful agent of the shop.\n- {RULE}\n- Be brief.\n\nRemember:\n- Be kind.\n"
SHOTS = "\n".join(f"<example>\nQ: {words(9 * n, 8)}\nA: yes\n</example>" for n in range(4))
LABELS = "".join(f"Example {n}:\nInput: {words(9 * n, 5)}\n\nOutput: yes\n\n" for n in range(1, 4))


def asked(call_id, *blocks, **columns):
    return call(call_id, *blocks, query(20), output(5), **columns)


def prompt(size, text=None, **more):
    return system(size, text, role="system", **more)


def cut(text, spans):
    return without(text, spans)


def test_a_line_that_is_there_before_goes_whatever_its_bullet():
    assert cut(TWICE, repetitions(TWICE, [])) == ONCE


def test_the_last_line_of_a_paragraph_is_a_line_like_others():
    text = f"Be kind.\n{RULE}\n\nThe shop is open all day.\n- {RULE}\n\nBye."
    assert (
        cut(text, repetitions(text, [])) == f"Be kind.\n{RULE}\n\nThe shop is open all day.\n\nBye."
    )


def test_a_paragraph_goes_as_a_whole_short_lines_included():
    block = "Rules for all:\n- Be brief.\n- Be kind.\n"
    text = f"{block}\nNow this.\n\n{block}"
    assert cut(text, repetitions(text, [])) == f"{block}\nNow this.\n\n"


def test_short_lines_code_and_examples_may_recur():
    code = "```\nresult = compute(the, same, thing, again, here)\n```\n"
    for text in ("- Be brief.\n- Be brief.\n", code + "\n" + code, SHOTS):
        assert repetitions(text, example_spans(text)) == []


def test_examples_are_found_in_tags_and_under_numbered_labels():
    assert len(example_spans(f"Do it.\n{SHOTS}\nNow go.")) == 4
    text = f"Sort the mails.\n\n{LABELS}Answer with yes or no only."
    spans = example_spans(text)
    assert [text[a:b].split(":")[0] for a, b in spans] == ["Example 1", "Example 2", "Example 3"]
    # The last has as many paragraphs as the one before it, so the order at the end stays.
    assert cut(text, spans) == "Sort the mails.\n\nAnswer with yes or no only."
    assert example_spans("Example 1:\nonly one") == []
    assert example_spans("For example: this.\nAn example: that.") == []


def test_judged_counts_what_goes_by_counting_again():
    whole, less = count([TWICE, ONCE])
    assert judged(TWICE) == (whole, 1, whole - less, [])
    assert judged(ONCE) == (1, 0, 0, [])
    one, *_ = SHOTS.split("<example>\n", 2)[1:]
    assert judged(SHOTS)[3][0] == count([f"<example>\n{one}"])[0]


def test_the_billed_tokens_are_cut_in_the_same_share():
    kept, whole = count([ONCE, TWICE])
    work = reading(workload(asked("a", prompt(1_000, TWICE))), TWICE)
    after = SystemPrompt().apply(work)
    assert tokens(after, "a")["fresh"] == 1_000 * kept // whole + 20
    assert SystemPrompt(repeated=False).apply(work) is work
    assert work.texts.asked == 1


def test_so_many_examples_stay():
    text = f"Do it.\n{SHOTS}"
    work = reading(workload(asked("a", prompt(900, text))), text)
    whole, three, four = count([text, *(f"<example>\n{x}" for x in SHOTS.split("<example>\n")[3:])])
    left = 900 * (whole - three - four) // whole
    assert tokens(SystemPrompt(examples=2).apply(work), "a")["fresh"] == left + 20
    assert SystemPrompt(examples=4).apply(work) is work
    assert SystemPrompt().apply(work) is work


def test_a_share_goes_of_everything_that_is_system_with_and_without_text():
    blocks = (prompt(100, "a"), prompt(60, ""), part("tools", 40), part("query", 8, "mixed"))
    after = SystemPrompt(shorten=0.25).apply(workload(asked("a", *blocks)))
    assert tokens(after, "a")["fresh"] == 75 + 45 + 40 + 8 + 20


def test_a_prompt_that_is_changed_everywhere_is_cached_as_it_was():
    work = workload(asked("a", prompt(50, "same", read=50), prompt(90, TWICE, read=90)))
    after = SystemPrompt().apply(reading(work, TWICE, "same"))
    kept, whole = count([ONCE, TWICE])
    assert tokens(after, "a") == {
        "cache_read": 50 + 90 * kept // whole, "fresh": 20, "output": 5,
    }  # fmt: skip


def test_a_text_that_holds_more_than_the_system_prompt_is_not_looked_into():
    mixed = workload(asked("a", prompt(90, TWICE)))
    rows = mixed.parts.with_columns(
        seq=pl.when(pl.col("seq") == 1).then(0).otherwise("seq").cast(pl.Int32)
    )
    work = reading(mixed.with_(parts=rows), TWICE)
    assert SystemPrompt().apply(work) is work


def test_calls_with_one_prompt_still_share_it():
    calls = [asked("a", prompt(90, TWICE)), asked("b", prompt(90, TWICE, read=40))]
    work = reading(workload(*calls), TWICE)
    after = SystemPrompt().apply(work).parts.filter(pl.col("segment") == "system")
    assert after["prefix"].n_unique() == 1
    assert after["prefix"][0] != work.parts["prefix"][0]


def test_without_texts_prompts_stay_and_it_says_so():
    work = workload(asked("a", prompt(90, TWICE)))
    lever = SystemPrompt()
    assert lever.apply(work) is work
    assert lever.notes(work, work) == [
        "Looked into 0 of 1 text of system prompts: those sent most, as far as the log still has them."
    ]
    assert lever.action(work, work) == (
        "Shorten system prompts; nothing was found that they say twice."
    )


def test_nothing_to_look_at():
    for work in (workload(), workload(call("a", query(5), output(1)))):
        assert SystemPrompt(shorten=0.5).apply(work) is work
        assert SystemPrompt().details(work, work) == []


def test_its_words():
    text = f"{TWICE}\n{SHOTS}"
    work = reading(workload(asked("a", prompt(1_000, text)), asked("b", prompt(1_000, text))), text)
    lever = SystemPrompt()
    after = lever.apply(work)
    lost = 2_050 - int(after.parts["tokens"].sum())
    assert lever.action(work, after) == (
        f"Shorten 1 system prompt: {lost} tokens ({100 * lost / 2_050:.1f}% of all) need not be sent."
    )
    (table,) = lever.details(work, after)
    assert [row[:3] for row in table.rows] == [("repeated lines", 1, 1), ("examples", 1, 4)]
    assert abs(table.rows[0][3] - lost) <= 2
    said = SystemPrompt(shorten=0.1).notes(work, after)
    assert said[-1] == "10% of every system prompt is assumed to be dispensable."


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"shorten": 1.0}, "shorten is 1.0; it must lie from 0 to below 1"),
        ({"examples": -2}, "examples is -2; it must be -1 or more"),
    ],
)
def test_settings(bad, said):
    with pytest.raises(SettingsError, match=said):
        SystemPrompt(**bad)


def planted(calls):
    """Calls of three templates, of which one says 40 of its 200 words twice; 3 tokens a word billed."""
    doubled = "\n\n".join([words(0, 120), words(500, 40), words(500, 40)])
    texts = [doubled, words(1_000, 200), words(2_000, 200)]
    return reading(
        workload(*(asked(f"c{n}", prompt(600, texts[n % 3])) for n in range(calls))), *texts
    )


def test_the_planted_waste_is_found():
    (found,) = simulate(planted(150), [SystemPrompt()], PriceBook.load(None)).levers
    truth = 50 * 600 * 40 // 200 * 2_500_000  # a fifth of 600 tokens, at $2.50 for a million
    assert abs(found.saved - truth) < truth / 20
    assert found.calls == 50


def test_a_clean_log_has_nothing_to_shorten():
    texts = [words(300 * n, 200) for n in range(20)]
    log = [asked(f"c{n}", prompt(500, texts[n % 20])) for n in range(100)]
    (found,) = simulate(
        reading(workload(*log), *texts), [SystemPrompt()], PriceBook.load(None)
    ).levers  # fmt: skip
    assert (found.saved, found.calls) == (0, 0)


def test_the_order_of_calls_does_not_matter():
    work = planted(9)
    after, again = (SystemPrompt().apply(w) for w in (work, shuffled(work, 2)))
    assert all(tokens(after, f"c{n}") == tokens(again, f"c{n}") for n in range(9))
