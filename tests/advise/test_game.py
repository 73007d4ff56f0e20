"""Many levers at once: of a large log fewer orders of joining stand for all, and shares add up all the same."""

import pytest

from costscope.advise import game, simulate
from tests.advise.pulling import PriceList, drop, made, shrink
from tests.workloads import call, part, workload


@pytest.mark.parametrize(("large", "orders"), [(game.LARGE, 8), (0, 2)])
def test_fewer_orders_stand_for_all_of_a_large_log(monkeypatch, large, orders):
    monkeypatch.setattr(game, "LARGE", large)
    names = "abcdefg"
    work = workload(*(call(name, part("query", 10, name)) for name in names))
    levers = [made(f"drop {name}", drop(name), "waste") for name in names[:-1]]
    found = simulate(work, [*levers, made("half", shrink(2))], PriceList())
    assert any(f"means over {orders} orders" in said for said in found.assumptions)
    assert sum(lever.saved_share for lever in found.levers) == found.saved == 6_500
    # Half of each call is saved by either; of the seventh nobody else saves anything.
    half = next(lever for lever in found.levers if lever.name == "half")
    assert (half.saved_alone, half.saved, half.saved_share) == (3_500, 500, 500 + 6 * 250)
