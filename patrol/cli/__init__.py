"""The command line, a module per command. Heavy imports happen when a command runs, so that help is quick."""

from __future__ import annotations

from importlib import import_module

import typer

from patrol.cli import model
from patrol.cli.camera_pictures import camera_pictures

COMMANDS = (
    "demo",
    "run",
    "check",
    "detect",
    "replay",
    "evaluate",
    "calibrate",
    "drill",
    "tail",
    "dead",
    "choices",
    "positions",
    "accounts",
    "contract",
    "conformance",
    "openapi",
)


def make_cli() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        name="patrol",
        help="Tours every camera on a guaranteed schedule, sees crowds and incidents, and puts a unit on scene.\n\n"
        "Start with: patrol demo. Then: patrol check configs/cameras.yaml.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name in COMMANDS:
        import_module(f"patrol.cli.{name}").register(app)
    model.register(app, camera_pictures)
    app.command("version")(version)
    return app


def version() -> None:
    """Print Patrol's version."""
    from patrol import __version__

    typer.echo(__version__)
