"""`costscope config`: the settings that hold here."""

from costscope import plugins
from costscope.cli._run import SETTINGS, Run, with_run
from costscope.cli.simulate import Sets
from costscope.config import check_sets
from costscope.model import Column, Report, Table

COLUMNS = (Column("setting"), Column("from"), Column("value"))


@with_run(SETTINGS)
def show(run: Run, sets: Sets = None) -> None:
    """Show each setting, where it came from and its value."""
    check_sets(sets or (), plugins.names("levers"))
    levers = list(plugins.all_of("levers").values())
    found = list(run.config.shown(levers, sets or ()))
    for cls in levers:
        # A value of the right type can still be refused by the lever itself.
        run.config.lever(cls, sets or ())
    rows = [{"key": s.key, "value": s.value, "origin": s.origin} for s in found]
    table = Table("", COLUMNS, [(s.key, s.origin, s.value) for s in found])
    run.output.show(Report("config", "Settings", {"settings": rows}, tables=(table,)))
