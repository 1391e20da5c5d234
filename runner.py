"""`leadback` and `python runner.py` are the same program."""

from engine.cli.main import main

if __name__ == "__main__":
    main()
