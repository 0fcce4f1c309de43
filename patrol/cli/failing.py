"""How a command fails: one line on stderr and an exit code, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from patrol.domain.errors import PatrolError


@contextmanager
def errors_told() -> Iterator[None]:
    """Tells a PatrolError raised inside on stderr and ends the command with exit code 1."""
    try:
        yield
    except PatrolError as error:
        tell_error(error)
        raise typer.Exit(1) from error


def tell_error(error: PatrolError) -> None:
    """One error on stderr; its text is fit for an operator's eyes."""
    typer.echo(f"patrol: {error}", err=True)
