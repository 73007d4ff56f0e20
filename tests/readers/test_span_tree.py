"""Of spans inside each other, one call for each request to a model."""

from tests.readers.otlp import START, calls, chat, ignored, made, request, span
from tests.readers.reading import spoken


def test_an_agent_and_a_framework_around_a_client_are_no_calls() -> None:
    agent = span(1, gen_ai__operation__name="invoke_agent", gen_ai__request__model="gpt-4o",
                 gen_ai__usage__input_tokens=200, gen_ai__usage__output_tokens=20)  # fmt: skip
    framework = chat(2, 1, gen_ai__response__id="run-1")
    client = chat(3, 2, gen_ai__response__id="chatcmpl-1")
    log = request(agent, scope="agents"), request(framework, scope="chain"), request(client)
    (found,) = calls(*log)
    assert found.call_id == "chatcmpl-1"
    assert ignored(*log) == 2


def test_the_order_of_spans_in_a_file_is_no_matter() -> None:
    spans = chat(1, gen_ai__response__id="a"), chat(2, 1, gen_ai__response__id="a")
    for order in (spans, spans[::-1]):
        assert [c.sent_at for c in calls(*map(request, order))] == [(START // 1000) + 2_000_000]


def test_a_span_around_retries_is_not_counted_beside_them() -> None:
    outer = request(chat(1, given=100, made=10), scope="chain")
    inner = request(chat(2, 1, given=None, made=None, failed=True), chat(3, 1), scope="client")
    found = calls(inner, outer)
    assert [(c.status, made([c])) for c in found] == [("error", [0]), ("ok", [10])]


def test_a_framework_that_failed_after_its_call_is_no_call() -> None:
    outer = request(chat(1, given=None, made=None, failed=True), scope="chain")
    assert [c.status for c in calls(outer, request(chat(2, 1), scope="client"))] == ["ok"]


def test_the_cost_that_only_the_framework_tells_is_the_calls() -> None:
    outer = request(chat(1, gen_ai__usage__cost=0.5), scope="chain")
    (found,) = calls(outer, request(chat(2, 1), scope="client"))
    assert found.reported_pd == 500_000_000_000


def test_calls_inside_each_other_that_have_ids_of_their_own_are_all_calls() -> None:
    outer = chat(1, made=7, gen_ai__response__id="chatcmpl-outer")
    inner = chat(2, 1, made=9, gen_ai__response__id="chatcmpl-inner")
    assert made(calls(request(outer, inner))) == [7, 9]


def test_the_outside_counts_where_the_inside_has_no_count() -> None:
    for own, other in (("", ""), ("chatcmpl-1", "chatcmpl-1"), ("run-1", "chatcmpl-1")):
        outer = chat(1, given=50, made=5, gen_ai__response__id=own)
        inner = chat(2, 1, given=None, made=None, gen_ai__response__id=other)
        assert made(calls(request(outer, scope="chain"), request(inner, scope="client"))) == [5]


def test_a_call_without_a_count_inside_another_one_stays_if_its_id_is_its_own() -> None:
    outer = chat(1, given=50, made=5, gen_ai__response__id="chatcmpl-1")
    inner = chat(2, 1, given=None, made=None, gen_ai__response__id="msg_2")
    assert made(calls(request(outer, inner))) == [5, -1]


def test_a_sum_over_several_calls_is_no_call() -> None:
    whole = chat(1, given=30, made=12)
    parts = chat(2, 1, given=10, made=5), chat(3, 1, given=20, made=7)
    assert made(calls(request(whole, *parts))) == [5, 7]


def test_a_wrapper_counts_only_where_a_file_has_nothing_else() -> None:
    outer = span(1, ai__operationId="ai.generateText", ai__model__id="gpt-4o",
                 ai__usage__promptTokens=9, ai__usage__completionTokens=3)  # fmt: skip
    inner = span(2, trace=2, ai__operationId="ai.generateText.doGenerate", ai__model__id="gpt-4o",
                 ai__usage__promptTokens=9, ai__usage__completionTokens=3)  # fmt: skip
    assert made(calls(request(outer))) == [3]
    assert [c.trace for c in calls(request(outer), request(inner))] == [f"{2:032x}"]


def test_a_span_that_was_exported_twice_is_one_call() -> None:
    log = request(chat(1, given=None, made=None)), request(chat(1)), request(chat(1))
    assert made(calls(*log)) == [10]
    assert ignored(*log) == 2


def test_spans_that_are_each_others_parents_lose_nothing() -> None:
    log = request(chat(1, 2, made=1), chat(2, 1, made=2), chat(3, 3, made=3))
    assert made(calls(log)) == [1, 2, 3]


def test_a_deep_trace_is_read() -> None:
    chain = [span(i, i - 1, traceloop__span__kind="task") for i in range(1, 5000)]
    assert made(calls(request(*chain, chat(5000, 4999)))) == [10]


def test_what_is_ignored_are_records_and_not_the_spans_in_them() -> None:
    steps = [span(i, 0, traceloop__span__kind="task") for i in (1, 2, 3)]
    assert ignored(request(*steps)) == 1
    assert ignored(request(*steps, chat(4, 3))) == 0
    assert ignored(request(*steps), request(chat(4, 3))) == 1


def test_a_pending_span_is_no_call() -> None:
    log = request(chat(2, 1, given=None, made=None, logfire__span_type="pending_span"), chat(1))
    assert len(calls(log)) == 1


def test_texts_of_the_framework_go_to_the_call_inside() -> None:
    said = {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Where is the ladder?"}
    outer = request(chat(1, **said), scope="chain")
    (found,) = calls(outer, request(chat(2, 1), scope="client"))
    assert found.sent_at == (START // 1000) + 2_000_000
    assert spoken(found) == [("user", "text", "Where is the ladder?")]


def test_what_only_the_root_names_holds_for_its_calls() -> None:
    root = span(1, name="POST /ask", session__id="s-1", user__id="u-1")
    middle = span(2, 1, name="chain")
    (found,) = calls(request(chat(3, 2), middle, root, service__name="shop"))
    assert (found.session, found.user_id, found.feature) == ("s-1", "u-1", "shop")
