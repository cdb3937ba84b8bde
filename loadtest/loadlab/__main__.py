"""The load lab's command: `run`, `page` and `compare`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from loadlab import scenario as scenarios
from loadlab.experiment import Experiment, LocustError
from loadlab.files import REPORT_JSON, REPORT_PAGE
from loadlab.local_yard import YardError
from loadlab.page_writer import page_of
from loadlab.scenario import ScenarioError

_RUNS = Path(__file__).resolve().parent.parent / "runs"


def main() -> int:
    """0 for a good run, 1 when a job was lost or a threshold broke, 2 when it could not run."""
    arguments = parser_of_arguments().parse_args()
    try:
        return int(arguments.command(arguments))
    except (ScenarioError, YardError, LocustError) as error:
        sys.stderr.write(f"loadlab: {error}\n")
        return 2


def parser_of_arguments() -> argparse.ArgumentParser:
    """What the command line may say."""
    parser = argparse.ArgumentParser(prog="loadlab", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="drive a yard, account for every job, report")
    run.set_defaults(command=_run)
    run.add_argument("scenario", nargs="?", default="default", help="a name or a TOML file")
    run.add_argument("--url", help="an API that runs already; otherwise a yard is started")
    run.add_argument("--rate", help="arrivals a second (shape.rate)")
    run.add_argument("--seconds", help="how long")
    run.add_argument(
        "--chaos",
        action="append",
        metavar="WHAT@SECOND",
        help="worker@30 kills one, api@5+5 freezes the API for 5 s",
    )
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="changes")
    run.add_argument("--processes", type=int, default=1, help="of Locust")
    run.add_argument("--directory", type=Path, help="where everything goes")
    run.add_argument(
        "--log-report", action="store_true", help="print the JSON report, as a line, before the end"
    )
    page = commands.add_parser("page", help="the page of a JSON report, as a pod logged it")
    page.set_defaults(command=_page)
    page.add_argument("report", type=argparse.FileType("r"), help="a file, or - for stdin")
    page.add_argument("--page", type=Path, default=Path(REPORT_PAGE))
    compare = commands.add_parser("compare", help="one page with two runs side by side")
    compare.set_defaults(command=_compare)
    compare.add_argument("runs", nargs=2, type=Path, metavar="DIRECTORY")
    compare.add_argument("--page", type=Path, default=Path("compared.html"))
    return parser


def _run(arguments: argparse.Namespace) -> int:
    changes = list(arguments.changes)
    changes += [f"shape.rate={arguments.rate}"] if arguments.rate else []
    changes += [f"chaos={json.dumps(arguments.chaos)}"] if arguments.chaos else []
    changes += [f"seconds={arguments.seconds}"] if arguments.seconds else []
    scenario = scenarios.load(arguments.scenario, changes)
    named = f"{time.strftime('%Y%m%d-%H%M%S')}-{scenario.name}"
    directory = (arguments.directory or _RUNS / named).resolve()
    experiment = Experiment(scenario, directory, arguments.processes, _say)
    is_broken = experiment.run(arguments.url)
    if arguments.log_report:
        _say((directory / REPORT_JSON).read_text())
    _say(f"report    {directory / REPORT_PAGE}")
    return int(is_broken)


def _page(arguments: argparse.Namespace) -> int:
    """The report is the last line that looks like one: `kubectl logs` has others before it."""
    *_, report = [line for line in arguments.report if line.startswith("{")]
    return _write(arguments.page, [json.loads(report)])


def _compare(arguments: argparse.Namespace) -> int:
    runs = [json.loads((run / REPORT_JSON).read_text()) for run in arguments.runs]
    return _write(arguments.page, runs)


def _write(page: Path, runs: list[dict[str, Any]]) -> int:
    page.write_text(page_of(runs))
    _say(f"report    {page}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
