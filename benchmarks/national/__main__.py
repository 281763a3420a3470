"""Measures a national season. `python -m benchmarks.national --help` says what can be chosen."""

from benchmarks.national.command import main

if __name__ == "__main__":
    main(prog_name="benchmarks.national")
