"""Measures the service at scale. `python -m benchmarks.scale --help` says what can be chosen."""

from benchmarks.scale.command import main

if __name__ == "__main__":
    main(prog_name="benchmarks.scale")
