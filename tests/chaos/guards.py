"""Jobyard's guards, how to switch each off, and who must notice.

A guard is switched off in a copy of the packages: a piece of Lua or Python is replaced. Where that
piece is not found exactly once the run fails, so that a rewritten guard cannot go untested.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jobyard
import jobyard_scheduler
import jobyard_worker

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGES = {
    Path(package.__file__ or "").parent.name: Path(package.__file__ or "").parent
    for package in (jobyard, jobyard_worker, jobyard_scheduler)
}

_LUA = "jobyard/store/lua"
_WORKER = "jobyard_worker"


class PatchError(Exception):
    """A guard is not where it was: its patch must follow the code."""


@dataclass(frozen=True, slots=True)
class Patch:
    """``old`` becomes ``new`` in one file, named from the packages' common root."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """``text`` without the guard.

        Raises:
            PatchError: ``old`` is not there, or more than once.
        """
        if text.count(self.old) != 1:
            raise PatchError(f"{self.file}: {text.count(self.old)} times in it: {self.old!r}")
        return text.replace(self.old, self.new)

    def source(self) -> Path:
        """The file as it is."""
        package, _, rest = self.file.partition("/")
        return PACKAGES[package] / rest


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard. A witness is a scenario of the harness, or a file of tests."""

    name: str
    patches: Sequence[Patch]
    witnesses: Sequence[str]


def shadow(guard: Guard, directory: Path) -> None:
    """Copies the packages to ``directory`` without the guard.

    Raises:
        PatchError: As ``Patch.applied``.
    """
    for name, package in PACKAGES.items():
        shutil.copytree(package, directory / name)
    for patch in guard.patches:
        path = directory / patch.file
        path.write_text(patch.applied(path.read_text()))


def _lua(name: str, old: str, new: str) -> Patch:
    return Patch(f"{_LUA}/{name}.lua", old, new)


def _worker(name: str, old: str, new: str) -> Patch:
    return Patch(f"{_WORKER}/{name}.py", old, new)


_TOKEN = _lua(
    "lib",
    "if job[1] ~= token or job[2] ~= 'started' then return 'stale' end",
    "",
)

GUARDS = (
    Guard(
        "fencing: a delivery settles only what it holds, under its own token",
        [
            _TOKEN,
            _lua(
                "settling",
                "queue = ARGV[at], members[i], held[members[i]]",
                "queue = ARGV[at], members[i], held[members[i]] "
                "or (fields(ARGV[at], 'origin') or {})[1]",
            ),
        ],
        ["frozen"],
    ),
    Guard("the token of a job that is held", [_TOKEN], ["tests/store/test_settle.py"]),
    Guard(
        "one settlement a delivery and call",
        [_lua("lib", "if SEEN[member] then return 'again' end", "")],
        ["tests/store/test_settle.py", "tests/store/test_double_send.py"],
    ),
    Guard(
        "an ended delivery is known again",
        [
            _lua(
                "lib",
                "if job and job[1] == token and job[2] ~= 'started' then return 'again' end",
                "",
            )
        ],
        ["tests/store/test_double_send.py"],
    ),
    Guard(
        "claim takes only what is queued",
        [_lua("claim", "if job[1] ~= 'queued' then return pass_over(id, queue, job[1]) end", "")],
        ["tests/store/test_claim.py"],
    ),
    Guard(
        "claim knows its nonce again",
        [_lua("claim", "if last[1] == nonce then", "if false then")],
        ["lost and doubled", "tests/store/test_claim.py"],
    ),
    Guard(
        "the claimer repeats an unanswered claim as it was",
        [
            _worker(
                "claimer",
                "self._asked = self._asked or self._next(limit)",
                "self._asked = self._next(limit)",
            )
        ],
        ["tests/unit/test_worker_calls.py"],
    ),
    Guard(
        "a claim that stood and whose answer is lost is asked for again",
        [
            _worker(
                "claimer",
                "self._is_listening = False  # it is asked for again",
                "self._is_listening, self._asked = False, None",
            )
        ],
        ["tests/unit/test_worker_calls.py"],
    ),
    Guard(
        "a claim that took nothing takes nothing when it comes late",
        [
            _lua(
                "claim",
                "redis.call('HSET', about, 'nonce'",
                "if #claimed == 0 then return reply end\nredis.call('HSET', about, 'nonce'",
            )
        ],
        ["tests/store/test_claim.py"],
    ),
    Guard(
        "an older claim that comes late takes nothing",
        [_lua("claim", "if last[1] and nonce < last[1] then return reply end", "")],
        ["tests/store/test_claim.py", "tests/store/test_double_send.py"],
    ),
    Guard(
        "claim needs a lease",
        [
            _lua(
                "claim",
                "if not redis.call('ZSCORE', yard('lease'), worker) then return { 'gone' } end",
                "",
            )
        ],
        ["tests/store/test_claim.py"],
    ),
    Guard(
        "renew needs a lease",
        [
            _lua(
                "renew",
                "if not redis.call('ZSCORE', yard('lease'), worker) then return { 'gone' } end",
                "",
            )
        ],
        ["tests/store/test_renew.py"],
    ),
    Guard(
        "the reaper waits a lease after a gap of its own",
        [_lua("reap", "return NOW >= resume", "return true")],
        ["back late"],
    ),
    Guard(
        "a clock that goes back stops the reaper for a lease only",
        [_lua("reap", " or gap < 0 ", " ")],
        ["clock of the server"],
    ),
    Guard(
        "reap gives back only what is still that delivery's",
        [
            _lua(
                "reap",
                "if not job or job[1] ~= token or job[2] ~= 'started' then return end",
                "if not job then return end",
            )
        ],
        ["tests/store/test_reap.py"],
    ),
    Guard(
        "what a dead worker held is suspect and runs isolated",
        [_lua("reap", "redis.call('HSET', key('job', id), 'suspect', '1')", "")],
        ["poison pill"],
    ),
    Guard(
        "promote takes only what is scheduled",
        [
            _lua(
                "promote",
                "if job[1] ~= 'scheduled' then return pass_over(id, queue, job[1]) end",
                "",
            )
        ],
        ["tests/store/test_promote.py"],
    ),
    Guard(
        "cancel leaves what has ended",
        [_lua("cancel", "if not WAITING[status] then return 'ended', status end", "")],
        ["tests/store/test_cancel.py"],
    ),
    Guard(
        "a job is stored once",
        [_lua("storing", "if KNOWN[id] then return 'exists', id end", "")],
        ["tests/store/test_double_send.py"],
    ),
    Guard(
        "idempotency keys",
        [_lua("storing", "    if held then\n", "    if false then\n")],
        ["tests/store/test_submit.py"],
    ),
    Guard(
        "a large payload takes the place of what stands for it",
        [_lua("claim", "    job[2] = data\n", "")],
        ["tests/store/test_apart.py"],
    ),
    Guard(
        "what is kept apart goes with its job",
        [_lua("rq", "  doom(id)\n", "  DOOMED[#DOOMED + 1] = key('job', id)\n")],
        ["tests/store/test_apart.py", "tests/store/test_trim.py"],
    ),
    Guard(
        "a budget forgets nothing that has not ended",
        [_lua("trim", "return not job or ENDS[job[1] or '']", "return true")],
        ["tests/store/test_trim.py"],
    ),
    Guard(
        "a tick is fired once",
        [_lua("fire", "if last and tick <= last then", "if false then")],
        ["tests/store/test_fire.py"],
    ),
    Guard(
        "types are checked before the first write",
        [_lua("lib", "if found ~= 'none' and found ~= kind then", "if false then")],
        ["tests/store/test_foreign_keys.py"],
    ),
    Guard(
        "the tenth release ends a job",
        [_lua("release", "local MOST = 10", "local MOST = 1000000")],
        ["tests/store/test_release.py"],
    ),
    Guard(
        "the keeper gives back what its dead worker held",
        [_worker("keeper", "return self.give_back()", "return None")],
        ["killed, no scheduler"],
    ),
    Guard(
        "the keeper renews",
        [_worker("keeper", "self._renew_when_due()\n\n", "pass\n\n")],
        ["tests/process/test_keeper.py"],
    ),
    Guard(
        "a stopping worker releases what outlives its grace",
        [_worker("loop", "self._parts.releaser.add(running)", "")],
        ["SIGTERM, short grace"],
    ),
    Guard(
        "a stopping worker settles before it leaves",
        [
            _worker(
                "loop",
                "if len(self._hands) or len(parts.settler) or len(parts.releaser):",
                "if False:",
            )
        ],
        ["SIGTERM"],
    ),
    Guard(
        "results wait while the store is away",
        [_worker("settler", "        except StoreUnavailableError:\n            raise\n", "")],
        ["tests/unit/test_worker_calls.py"],
    ),
    Guard(
        "what the store holds for a worker that does not know it is given back",
        [_worker("loop", "            self._take_stock()\n", "")],
        ["tests/process/test_worker_outage.py"],
    ),
    Guard(
        "a line that is closed asks for the primary before it connects",
        [
            Patch(
                "jobyard/store/lines.py",
                "    if socket_of(line) is None:\n        line.connect()\n",
                "",
            )
        ],
        ["tests/store/test_failover.py"],
    ),
    Guard(
        "what works a full store off is not refused",
        [
            Patch(
                "jobyard/store/scripts.py",
                '_ALLOWED_WHEN_FULL = "flags=allow-oom"',
                '_ALLOWED_WHEN_FULL = "flags="',
            )
        ],
        ["OOM"],
    ),
)
