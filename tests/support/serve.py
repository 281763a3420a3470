"""A server process for tests: `python -m tests.support.serve FLAGS [BROKEN]`, flags as JSON."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext

from cotton_server.config import ConfigError, load_config
from cotton_server.errors import StartError
from cotton_server.main import serve

from tests.support.broken import BROKEN

EXIT_REFUSED = 2


def main() -> int:
    """Serves until told to stop; says on stderr why it does not start."""
    with BROKEN[sys.argv[2]]() if len(sys.argv) > 2 else nullcontext():
        try:
            return serve(load_config(file=None, environ={}, flags=json.loads(sys.argv[1])))
        except (ConfigError, StartError) as error:
            sys.stderr.write(f"{error}\n")
            return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())
