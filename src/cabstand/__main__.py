"""The command line: `python -m cabstand` and the program `cabstand`."""

from cabstand.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
