"""What a process that runs for long says on stderr: a line for each event, for people in a terminal, as JSON for programs."""

import sys

import structlog


def to_stderr() -> None:
    """From now on events of this process go there."""
    for_people = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer(default=str)
    traceback = [] if for_people else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *traceback,
            renderer,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever that is by then
    )
