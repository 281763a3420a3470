"""Runs the command `cotton` as `python -m cotton_client.cli`."""

from __future__ import annotations

from cotton_client.cli import main

main(prog_name="cotton")
