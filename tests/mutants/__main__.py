"""``python -m mutants retry states``: a table, the survivors, and 1 where one is not justified."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

from mutants.mutant import Mutant
from mutants.subjects import SUBJECTS
from mutants.workplace import Workplace

JUSTIFIED = Path(__file__).with_name("justified.toml")


def main() -> int:
    """0 when every mutant was killed, or is justified."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("subjects", nargs="*", choices=[*SUBJECTS, []], metavar="subject")
    parser.add_argument(
        "--endings", default="", help="only mutants whose number ends so: a tenth for each digit"
    )
    arguments = parser.parse_args()
    chosen, justified = arguments.subjects or list(SUBJECTS), _justified()
    unjustified = [
        mutant for name in chosen for mutant in _unjustified(name, justified, arguments.endings)
    ]
    return 1 if unjustified else 0


def _unjustified(name: str, justified: frozenset[Mutant], endings: str) -> list[Mutant]:
    workplace = Workplace.made_for(name, SUBJECTS[name])
    workplace.run(endings)
    ends, survivors = workplace.ends(), workplace.survivors()
    words = [mutant for mutant in survivors if mutant.is_wording]
    known = [mutant for mutant in survivors if mutant in justified]
    others = [mutant for mutant in survivors if mutant not in {*words, *known}]
    sys.stdout.write(
        f"{name}: {ends.total()} mutants, {ends['killed']} killed, {ends['timeout']} timeouts, "
        f"{len(words)} of wording, {len(known)} justified, {len(others)} not\n"
    )
    sys.stdout.writelines(f"{mutant}\n" for mutant in others)
    return others


def _justified() -> frozenset[Mutant]:
    entries = tomllib.loads(JUSTIFIED.read_text())["mutant"]
    return frozenset(Mutant(each["where"], each["was"], each["now"]) for each in entries)


if __name__ == "__main__":
    sys.exit(main())
