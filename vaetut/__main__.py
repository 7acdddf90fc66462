"""The command line as `python -m vaetut`."""

from .cli import main

if __name__ == "__main__":
    main()
