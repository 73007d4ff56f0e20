"""Where settings come from, which wins, and what is said of a wrong one."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from costscope import config
from costscope.config import kinds
from costscope.errors import SettingsError

LEVERS = ("response", "response_cache", "routing")


@dataclass(frozen=True)
class Routing:
    """Stands in for a lever: one field of every kind."""

    name: ClassVar[str] = "routing"
    turns: int = 6
    ratio: float = 1.0
    sticky: bool = True
    mode: str = "cheap"
    keep: tuple[str, ...] = ("code",)
    map: dict[str, str] = field(default_factory=dict)
    limit: float | None = None


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with a folder `app/` in it."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "app").mkdir()
    return tmp_path / "repo"


def load(cwd: Path, env: dict[str, str] | None = None, **flags: str | None) -> config.Config:
    return config.load(cwd, env or {}, levers=LEVERS, flags=flags)


def refusal(cwd: Path, env: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(cwd, env).lever(Routing)
    return str(caught.value)


def origin(found: config.Config, key: str) -> tuple[Any, str]:
    (setting,) = [s for s in found.shown([Routing]) if s.key == key]
    return setting.value, setting.origin


def test_defaults(repo: Path) -> None:
    found = load(repo)
    assert (found.db, found.prices, found.timezone) == (
        Path(".costscope/store.duckdb"),
        None,
        "UTC",
    )
    assert (found.baseline, found.check, found.rules, found.accept) == (None, {}, [], [])
    assert found.lever(Routing) == Routing()
    assert {s.origin for s in found.shown([Routing])} == {"default"}


def test_each_place_wins_over_the_one_below(repo: Path, tmp_path: Path) -> None:
    user = tmp_path / "xdg" / "costscope" / "config.toml"
    user.parent.mkdir(parents=True)
    user.write_text('timezone = "Asia/Tokyo"')
    env = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert origin(load(repo, env), "timezone") == ("Asia/Tokyo", str(user))
    (repo / "costscope.toml").write_text('timezone = "Europe/Berlin"')
    assert origin(load(repo, env), "timezone") == ("Europe/Berlin", "costscope.toml")
    env["COSTSCOPE_TIMEZONE"] = "America/Lima"
    assert origin(load(repo, env), "timezone") == ("America/Lima", "COSTSCOPE_TIMEZONE")
    assert origin(load(repo, env, timezone="UTC"), "timezone") == ("UTC", "--timezone")
    assert origin(load(repo, env, timezone=None), "timezone")[0] == "America/Lima"


def test_the_users_file_is_found_in_home_without_xdg(repo: Path, tmp_path: Path) -> None:
    user = tmp_path / "home" / ".config" / "costscope" / "config.toml"
    user.parent.mkdir(parents=True)
    user.write_text('db = "mine.duckdb"')
    assert load(repo, {"HOME": str(tmp_path / "home")}).db == user.parent / "mine.duckdb"


def test_the_file_is_looked_for_up_to_the_repository_and_no_higher(repo: Path) -> None:
    (repo.parent / "costscope.toml").write_text('timezone = "Asia/Tokyo"')
    assert load(repo / "app").timezone == "UTC"
    (repo / "costscope.toml").write_text('timezone = "Europe/Berlin"')
    assert load(repo / "app").timezone == "Europe/Berlin"


def test_outside_of_a_repository_only_the_folder_itself_counts(tmp_path: Path) -> None:
    (tmp_path / "costscope.toml").write_text('timezone = "Asia/Tokyo"')
    (tmp_path / "inner").mkdir()
    assert load(tmp_path / "inner").timezone == "UTC"
    assert load(tmp_path).timezone == "Asia/Tokyo"


def test_pyproject_counts_only_with_a_table_of_ours(repo: Path) -> None:
    (repo / "app" / "pyproject.toml").write_text("[tool.other]\nx = 1")
    (repo / "pyproject.toml").write_text('[tool.costscope]\ntimezone = "Asia/Tokyo"')
    assert origin(load(repo), "timezone") == ("Asia/Tokyo", "pyproject.toml")
    assert load(repo / "app").timezone == "Asia/Tokyo"


def test_costscope_toml_wins_over_pyproject_beside_it(repo: Path) -> None:
    (repo / "pyproject.toml").write_text('[tool.costscope]\ntimezone = "Asia/Tokyo"')
    (repo / "costscope.toml").write_text('timezone = "Europe/Berlin"')
    assert load(repo).timezone == "Europe/Berlin"


def test_a_chosen_file_replaces_the_projects(repo: Path, tmp_path: Path) -> None:
    (repo / "costscope.toml").write_text('timezone = "Asia/Tokyo"')
    (tmp_path / "other.toml").write_text('timezone = "America/Lima"')
    assert load(repo, {"COSTSCOPE_CONFIG": str(tmp_path / "other.toml")}).timezone == "America/Lima"
    assert "gone.toml: No such file" in refusal(repo, {"COSTSCOPE_CONFIG": "gone.toml"})


def test_a_path_in_a_file_is_relative_to_the_file(repo: Path) -> None:
    (repo / "costscope.toml").write_text('db = "data/s.duckdb"\nprices = "/etc/prices.toml"')
    assert load(repo).db == Path("data/s.duckdb")
    assert load(repo / "app").db == repo / "data/s.duckdb"
    assert load(repo / "app").prices == Path("/etc/prices.toml")
    assert load(repo / "app", {"COSTSCOPE_DB": "here.duckdb"}).db == Path("here.duckdb")


def test_short_and_empty_variables(repo: Path) -> None:
    assert load(repo, {"COSTSCOPE_TZ": "Asia/Tokyo", "COSTSCOPE_DB": ""}).timezone == "Asia/Tokyo"
    assert load(repo, {"COSTSCOPE_DB": ""}).db == Path(".costscope/store.duckdb")


def test_variables_that_are_no_settings_are_left_alone(repo: Path) -> None:
    env = {"COSTSCOPE_PLUGINS": "x", "COSTSCOPE_DEBUG": "1", "PATH": "y"}
    assert load(repo, env) == load(repo)


def test_a_lever_from_a_file(repo: Path) -> None:
    (repo / "costscope.toml").write_text(
        "[levers.routing]\nturns = 4\nratio = 2\nsticky = false\nmode = 'dear'\n"
        "keep = ['a', 'b']\nmap = {x = 'y'}\nlimit = 0.5"
    )
    assert load(repo).lever(Routing) == Routing(4, 2, False, "dear", ("a", "b"), {"x": "y"}, 0.5)
    assert origin(load(repo), "levers.routing.turns") == (4, "costscope.toml")


def test_a_lever_from_text(repo: Path) -> None:
    sets = ["turns=4", "ratio=2.5", "sticky=no", "mode=dear", "keep=a, b", "map=x=y,z=", "limit=3"]
    found = load(repo).lever(Routing, [f"routing.{text}" for text in sets])
    assert found == Routing(4, 2.5, False, "dear", ("a", "b"), {"x": "y", "z": ""}, 3.0)
    assert load(repo).lever(Routing, ["routing.limit=none", "routing.keep="]) == Routing(keep=())


def test_a_set_wins_over_a_variable_over_a_file(repo: Path) -> None:
    (repo / "costscope.toml").write_text("[levers.routing]\nturns = 4\nratio = 4\nlimit = 4")
    env = {"COSTSCOPE_LEVERS_ROUTING_TURNS": "5", "COSTSCOPE_LEVERS_ROUTING_RATIO": "5"}
    sets = ["routing.turns=6", "routing.turns=7", "response_cache.ttl_s=1"]
    assert load(repo, env).lever(Routing, sets) == Routing(turns=7, ratio=5, limit=4)


def test_the_longest_lever_name_owns_a_variable(repo: Path) -> None:
    found = load(repo, {"COSTSCOPE_LEVERS_RESPONSE_CACHE_TTL_S": "9"})
    assert found.settings["levers.response_cache.ttl_s"].value == "9"


def test_the_gates_tables(repo: Path) -> None:
    (repo / "costscope.toml").write_text(
        "[check]\nbaseline = 'b.json'\nmin_clusters = 40\nmax_unpriced_share = '2%'\n"
        "[[check.rules]]\nid = 'a'\nmetric = 'cost_per_unit'\n[[check.accept]]\nrule = 'a'"
    )
    found = load(repo, {"COSTSCOPE_CHECK_CONFIDENCE": "0.9"})
    assert found.baseline == "b.json"
    assert found.check == {"min_clusters": 40, "max_unpriced_share": "2%", "confidence": 0.9}
    assert found.rules == [{"id": "a", "metric": "cost_per_unit"}]
    assert found.accept == [{"rule": "a"}]
    assert origin(found, "check.confidence") == (0.9, "COSTSCOPE_CHECK_CONFIDENCE")


def test_every_setting_of_the_gate_can_be_set() -> None:
    from dataclasses import fields

    from costscope.gate.rules import Settings

    assert {f.name for f in fields(Settings)} == set(kinds.CHECK) - {"baseline"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dv = 'x'", "costscope.toml: no setting is called 'dv'; the nearest is 'db'"),
        ("[check]\nunits = 'x'", "no setting is called 'check.units'; the nearest is 'check.unit'"),
        ("[[check.rules]]\nmetrik = 1", "'check.rules.metrik'; the nearest is 'check.rules.metric'"),
        ("[check.rules]\nid = 1", "check.rules should be written [[check.rules]]"),
        ("[levers.router]\na = 1", "'levers.router.a'; the nearest is 'levers.routing'"),
        ("[levers.routing]\nturn = 1", "'levers.routing.turn'; the nearest is 'levers.routing.turns'"),
        ("levers = 3", "costscope.toml: levers should be a table, it is 3"),
        ("[levers]\nrouting = 3", "costscope.toml: levers.routing should be a table, it is 3"),
        ("db = 3", "costscope.toml: db should be a path, it is 3"),
        ("[check]\nmin_clusters = 1.5", "check.min_clusters should be a whole number, it is 1.5"),
        ("[levers.routing]\nturns = true", "turns should be a whole number, it is True"),
        ("[levers.routing]\nturns = 'few'", "turns should be a whole number, it is 'few'"),
        ("[levers.routing]\nratio = inf", "ratio should be a number, it is inf"),
        ("[levers.routing]\nratio = 'nan'", "ratio should be a number, it is 'nan'"),
        ("[levers.routing]\nsticky = 'maybe'", "sticky should be true or false, it is 'maybe'"),
        ("[levers.routing]\nsticky = 1", "sticky should be true or false, it is 1"),
        ("[levers.routing]\nkeep = [1]", "keep should be a list of texts"),
        ("[levers.routing]\nmap = 'x'", "map should be a table of texts"),
        ("x = ", "costscope.toml: not valid TOML"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_the_place(repo: Path, text: str, message: str) -> None:
    (repo / "costscope.toml").write_text(text)
    assert message in refusal(repo)


def test_a_wrong_variable_is_refused_by_name(repo: Path) -> None:
    message = "COSTSCOPE_TIMEZON: no setting is called 'timezon'; the nearest is 'timezone'"
    assert refusal(repo, {"COSTSCOPE_TIMEZON": "UTC"}) == message
    assert "COSTSCOPE_LEVERS_ROUTING_TURN:" in refusal(repo, {"COSTSCOPE_LEVERS_ROUTING_TURN": "1"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("routing", "write LEVER.FIELD=VALUE"),
        ("routing=1", "write LEVER.FIELD=VALUE"),
        (".turns=1", "write LEVER.FIELD=VALUE"),
        ("rooting.turns=1", "'levers.rooting.turns'; the nearest is 'levers.routing'"),
    ],
)
def test_a_wrong_set_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        config.check_sets([text], LEVERS)
    assert message in str(caught.value)


def test_kinds_are_read_with_and_without_postponed_annotations() -> None:
    @dataclass
    class Postponed:
        a: "tuple[str, ...]" = ()
        b: "int | None" = None

    now = [kinds.kind_of(item) for item in kinds.settable(Routing).values()]
    assert now == [
        "int",
        "float",
        "bool",
        "str",
        "tuple[str, ...]",
        "dict[str, str]",
        "float | None",
    ]
    later = [kinds.kind_of(item) for item in kinds.settable(Postponed).values()]
    assert later == ["tuple[str, ...]", "int | None"]


def test_a_kind_that_no_text_can_give_is_refused() -> None:
    with pytest.raises(ValueError, match=r"of a kind that cannot be set \(set\[int\]\)"):
        kinds.convert("1", "set[int]")
