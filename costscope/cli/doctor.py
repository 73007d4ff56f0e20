"""`costscope doctor`: how far the log can be trusted."""

from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, with_run


@with_run(SETTINGS, FILTERS, READING)
def command(run: Run, logs: Sources = None) -> None:
    """What is missing, odd or doubtful in the log, how much of it, where, and what to do."""
    from costscope import pipeline

    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        run.output.show(pipeline.doctor(store, run.config, run.filters))
