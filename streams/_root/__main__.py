"""`python -m sluicegate`: the same as the console script."""

from sluicegate.streams.cli import main

if __name__ == "__main__":
    main()
