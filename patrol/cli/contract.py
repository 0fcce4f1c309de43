"""``patrol contract``: the queue's contract in files, for whoever writes a console or a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patrol.cli.failing import errors_told
from patrol.domain.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("contract")(contract)


def contract(out: Annotated[Path, typer.Option(help="folder to write to; it is made")] = Path("contract")) -> None:
    """Write the queue's contract: a JSON Schema and a golden sample of every message, and an AsyncAPI 3 document.

    They are made of the code that runs: those of this very version.
    """
    from patrol.contract import contract_files

    with errors_told():
        files = contract_files()
        try:
            for name, text in files.items():
                file = out / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{out}: cannot be written: {error.strerror}") from None
    typer.echo(f"{len(files)} files in {out}")
