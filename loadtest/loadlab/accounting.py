"""What became of every job that the API acknowledged: nothing may be missing.

Everything is in a database file, so that millions of jobs need no more memory than a few.
"""

from __future__ import annotations

import itertools
import sqlite3
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from loadlab.files import ACKNOWLEDGED, LEDGER, OUTCOMES
from loadlab.histogram import Histogram
from loadlab.recorder import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TABLES = """
CREATE TABLE acknowledged (id TEXT PRIMARY KEY, due REAL, task TEXT) WITHOUT ROWID;
CREATE TABLE outcome (id TEXT PRIMARY KEY, state TEXT, at REAL) WITHOUT ROWID;
CREATE TABLE ledger (id TEXT PRIMARY KEY, starts INTEGER, ends INTEGER) WITHOUT ROWID;
"""
_OPEN = """
SELECT id FROM acknowledged LEFT JOIN outcome USING (id)
WHERE coalesce(state, '') NOT IN ('succeeded', 'failed', 'canceled', 'expired', 'unknown')
"""
_ENDED = ("succeeded", "failed", "canceled", "expired")
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Account:
    """Every acknowledged job is in exactly one of the states, ``waiting`` or ``lost``.

    ``lost``: the yard does not know the job, or says that it succeeded though its task never came
    to its end. ``doubled`` ended more than once and ``rescued`` began more than once; both are None
    without a ledger.
    """

    acknowledged: int
    succeeded: int
    failed: int
    canceled: int
    expired: int
    waiting: int
    unanswered: int
    lost: int
    lost_ids: list[str]
    doubled: int | None
    rescued: int | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class Books:
    """The database of one run."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        path = directory / "accounting.sqlite"
        path.unlink(missing_ok=True)
        self._db = sqlite3.connect(path)
        self._db.executescript(f"PRAGMA synchronous = OFF; {_TABLES}")
        self.has_ledger = (directory / LEDGER).exists()

    def load(self) -> None:
        """Reads what the run left in its directory."""
        self._fill("INSERT OR IGNORE INTO acknowledged VALUES (?, ?, ?)", ACKNOWLEDGED)
        self._fill("INSERT OR REPLACE INTO outcome VALUES (?, ?, ?)", OUTCOMES)
        self._db.executemany(
            "INSERT INTO ledger VALUES (?1, ?2, ?3) ON CONFLICT (id) "
            "DO UPDATE SET starts = starts + ?2, ends = ends + ?3",
            ((line[1], line[0] == "start", line[0] == "end") for line in self._lines(LEDGER)),
        )
        self._db.commit()

    def ask(self, state_of: Callable[[str], str | None]) -> int:
        """Asks for the state of each job of which no end was told; returns how many are open."""
        still_open = 0
        for (job_id,) in self._db.execute(_OPEN).fetchall():
            state = state_of(job_id) or "unanswered"
            still_open += state not in (*_ENDED, "unknown")
            row = (job_id, state)
            self._db.execute("INSERT OR REPLACE INTO outcome VALUES (?, ?, NULL)", row)
        self._db.commit()
        return still_open

    def account(self) -> Account:
        """The sums."""
        states = dict(
            self._db.execute(
                "SELECT state, count(*) FROM acknowledged JOIN outcome USING (id) GROUP BY state"
            ).fetchall()
        )
        ended = {state: states.pop(state, 0) for state in _ENDED}
        unknown, unanswered = states.pop("unknown", 0), states.pop("unanswered", 0)
        never_ran = self._ids(self._never_ran()) if self.has_ledger else []
        ended["succeeded"] -= len(never_ran)
        lost_ids = (
            self._ids("SELECT id FROM acknowledged JOIN outcome USING (id) WHERE state = 'unknown'")
            + never_ran
        )
        return Account(
            acknowledged=self._count("SELECT count(*) FROM acknowledged"),
            **ended,
            waiting=sum(states.values()),
            unanswered=unanswered,
            lost=unknown + len(never_ran),
            lost_ids=lost_ids[:_SHOWN],
            doubled=self._ledger_count("ends > 1"),
            rescued=self._ledger_count("starts > 1"),
        )

    def end_to_end(self) -> tuple[Histogram, Histogram]:
        """From when a job was due to when its end was told: of jobs that ran once, of the others.

        Without a ledger all count as run once.
        """
        once, again = Histogram(), Histogram()
        rows = self._db.execute(
            "SELECT at - due, coalesce(starts, 1) FROM acknowledged JOIN outcome USING (id) "
            "LEFT JOIN ledger USING (id) WHERE at IS NOT NULL"
        )
        for seconds, starts in rows:
            (once if starts <= 1 else again).add(round(seconds * MICROSECONDS))
        return once, again

    def seconds(self, began: float) -> list[tuple[int, Histogram]]:
        """The same of jobs that ran once, for each second (from the run's start) of arrival."""
        rows = self._db.execute(
            "SELECT CAST(due - ? AS INTEGER) AS second, at - due FROM acknowledged "
            "JOIN outcome USING (id) LEFT JOIN ledger USING (id) "
            "WHERE at IS NOT NULL AND coalesce(starts, 1) <= 1 ORDER BY second",
            (began,),
        )
        by_second = []
        for second, group in itertools.groupby(rows, key=lambda row: int(row[0])):
            histogram = Histogram()
            for _, seconds in group:
                histogram.add(round(seconds * MICROSECONDS))
            by_second.append((second, histogram))
        return by_second

    def ended(self, began: float) -> list[tuple[int, int]]:
        """How many of them ended in each second from the run's start."""
        return self._db.execute(
            "SELECT CAST(at - ? AS INTEGER) AS second, count(*) FROM acknowledged "
            "JOIN outcome USING (id) WHERE at IS NOT NULL GROUP BY second ORDER BY second",
            (began,),
        ).fetchall()

    def close(self) -> None:
        """Closes the database file."""
        self._db.close()

    def _never_ran(self) -> str:
        # Only tasks of the lab write to the ledger.
        return (
            "SELECT id FROM acknowledged JOIN outcome USING (id) LEFT JOIN ledger USING (id) "
            "WHERE state = 'succeeded' AND task LIKE 'load.%' AND coalesce(ends, 0) = 0"
        )

    def _ledger_count(self, condition: str) -> int | None:
        if not self.has_ledger:
            return None
        return self._count(
            f"SELECT count(*) FROM ledger JOIN acknowledged USING (id) WHERE {condition}"
        )

    def _count(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0])

    def _ids(self, query: str) -> list[str]:
        return [row[0] for row in self._db.execute(query)]

    def _fill(self, statement: str, name: str) -> None:
        self._db.executemany(statement, self._lines(name))

    def _lines(self, name: str) -> Iterator[list[str]]:
        path = self._directory / name
        if path.exists():
            with path.open() as file:
                yield from (line.split() for line in file if line.endswith("\n"))
