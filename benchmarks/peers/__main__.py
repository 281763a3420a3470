"""Measures the service beside other stores. `python -m benchmarks.peers --help` says how."""

from benchmarks.peers.command import main

if __name__ == "__main__":
    main(prog_name="benchmarks.peers")
