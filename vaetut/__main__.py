"""The command line as `python -m vaetut`, and as the command `vaetut`."""

from .interrupt import end_at_once


def main() -> None:
    """Run the command line."""
    end_at_once()
    from .cli import app

    app()


if __name__ == "__main__":
    main()
