"""``python -m fuzz``: all doors, many requests; fails when one was answered wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from fuzz import campaign
from support.processes import Services
from support.servers import Engine, StoreServer


def main() -> int:
    """0 when every answer was as the OpenAPI document has it."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--max-examples", default="50", help="requests made up for each operation")
    parser.add_argument("--seed", default="1", help="of everything that is drawn")
    arguments = parser.parse_args()
    options = ["--max-examples", arguments.max_examples, "--seed", arguments.seed]
    failed = 0
    for doors in campaign.Doors:
        with StoreServer(Engine.VALKEY) as server, tempfile.TemporaryDirectory() as folder:
            services = Services(Path(folder), {"JOBYARD_REDIS_URL": server.url, **QUIET})
            try:
                outcome = campaign.run(services, doors, options)
            finally:
                services.end()
        failed += len(outcome.failures)
        sys.stdout.write(outcome.text if outcome.failures else "")
        sys.stdout.write(
            f"{doors}: {outcome.cases} requests to {outcome.operations} operations, "
            f"{len(outcome.failures)} kinds of failures\n"
        )
    return 1 if failed else 0


QUIET = {"JOBYARD_METRICS_PORT": "0", "JOBYARD_LOG_LEVEL": "error"}


if __name__ == "__main__":
    sys.exit(main())
