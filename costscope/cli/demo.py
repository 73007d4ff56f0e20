"""`costscope demo`: the whole tour on the bundled sample logs, without any set-up."""

from dataclasses import replace
from importlib import resources
from pathlib import Path

import costscope
from costscope.cli._run import SETTINGS, Run, begin, begin_what_ifs, with_run
from costscope.errors import InputError

FOLDER = "sample_logs"
MORE = (
    "The logs are made up; their README says what was planted in them.",
    "`costscope recommend LOGS` also says what each change needs and what could make it wrong.",
)


@with_run(SETTINGS)
def command(run: Run) -> None:
    """Bill, what-ifs and recommendations for the sample logs."""
    logs = [str(sample_logs())]
    begin(logs)
    begin_what_ifs()
    from costscope import pipeline

    with pipeline.opened(run.config.db, logs, progress=run.progress) as store:
        given = store, run.config, run.filters
        bill = pipeline.bill(*given, ["feature"])
        advice = pipeline.recommend(*given)
    run.output.show(
        replace(bill, title="The bill (costscope report --group-by feature LOGS)"),
        replace(advice, title="What would save money (costscope recommend LOGS)", notes=MORE),
    )


def sample_logs() -> Path:
    """The bundled logs: inside the package where it is installed, beside it in a checkout."""
    installed = Path(str(resources.files(costscope))) / FOLDER
    for folder in (installed, installed.parent.parent / FOLDER):
        if folder.is_dir():
            return folder
    raise InputError(f"{installed}: the sample logs are missing; install costscope again")
