"""``patrol openapi``: what the console's server answers, for whoever writes a client."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the main app."""
    app.command("openapi")(openapi)


def openapi() -> None:
    """Print the OpenAPI 3.1 document of the console's server: that of this very version."""
    from patrol.web.describing import openapi_text

    typer.echo(openapi_text(), nl=False)
