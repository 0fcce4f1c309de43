"""The command line; `patrol --help` says what there is."""

from __future__ import annotations

from patrol.cli import make_cli


def main() -> None:
    """Run the command line."""
    make_cli()()


if __name__ == "__main__":
    main()
