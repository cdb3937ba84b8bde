"""What each executor promises, on real threads, event loops and children, without a store."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from jobyard.store.records.delivery import Canceled, Crashed, Failed, Succeeded
from jobyard_worker.executors.child_process import ChildProcess
from support.executing import Executing, build_delivery, is_alive
from support.executor_tasks import MODULE
from support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobyard.store.records.delivery import ErrorInfo, Settlement

KINDS = ("thread", "process", "asyncio")
CHILDREN = ("process",)
KILL_SECONDS = 0.5
SECONDS = 60.0
"""For what needs the start of a child; a machine may be busy."""


@pytest.fixture(scope="module")
def executings() -> Iterator[dict[str, Executing]]:
    """One executor of each kind for all tests here, made when it is first asked for."""
    made: dict[str, Executing] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOBYARD_TASK_MODULES", MODULE)
        patch.setenv("JOBYARD_LOG_LEVEL", "error")
        yield made
        for executing in made.values():
            executing.end()


@pytest.fixture(params=KINDS)
def executing(executings: dict[str, Executing], request: pytest.FixtureRequest) -> Executing:
    """An executor with two slots."""
    kind = request.param
    if kind not in executings:
        executings[kind] = Executing(kind, concurrency=2, kill_seconds=KILL_SECONDS)
    return executings[kind]


@pytest.fixture
def own(executings: dict[str, Executing]) -> Iterator[list[Executing]]:
    """Takes executors that a test made for itself, and ends them."""
    made: list[Executing] = []
    yield made
    for executing in made:
        executing.end()


def result_of(settlement: Settlement) -> bytes:
    assert isinstance(settlement, Succeeded), settlement
    return settlement.result


def error_of(settlement: Settlement, kind: type[Settlement]) -> ErrorInfo:
    assert type(settlement) is kind, settlement
    error: ErrorInfo = getattr(settlement, "error")  # noqa: B009 - three of the kinds have one
    return error


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """Made by a task as soon as it runs."""
    return tmp_path / "started"


# ---------------------------------------------------------------- ends


@pytest.mark.parametrize("task", ["quick", "quick_async"])
def test_plain_and_async_tasks_run(executing: Executing, task: str) -> None:
    deliveries = [executing.submit(task, {"number": number}) for number in range(50)]

    results = [result_of(executing.settled(delivery)) for delivery in deliveries]

    assert results == [str(number).encode() for number in range(50)]


def test_a_failure_has_type_message_and_traceback(executing: Executing) -> None:
    error = error_of(executing.run("fail_here", {"words": "oh"}), Failed)

    assert (error.type, error.message) == ("LookupError", "oh")
    assert "executor_tasks.py" in error.traceback


@pytest.mark.parametrize(
    ("task", "payload", "type_"),
    [
        ("nowhere", {}, "UnknownTaskError"),
        ("quick", {"number": "many"}, "InvalidPayloadError"),
        ("leave_early", {}, "SystemExit"),
    ],
)
def test_what_cannot_end_well_fails(
    executing: Executing, task: str, payload: dict[str, Any], type_: str
) -> None:
    assert type_ in error_of(executing.run(task, payload), Failed).type


def test_a_record_that_cannot_be_read_fails_alone(executing: Executing) -> None:
    broken = executing.submit("quick", data=b"\x80\x05pickled")

    fine = executing.submit("quick", {"number": 5})

    assert "pickled" in error_of(executing.settled(broken), Failed).message
    assert result_of(executing.settled(fine)) == b"5"


def test_progress_and_lines_come_back(executing: Executing) -> None:
    delivery = executing.submit("report_and_line")

    settlement = executing.settled(delivery)

    assert result_of(settlement) == f'"{delivery.job.token}"'.encode()
    assert delivery in executing.reported
    assert delivery.progress == b'{"half":true}'
    assert isinstance(settlement, Succeeded)
    assert [(entry.journal, entry.line) for entry in settlement.journal] == [("notes", "a line")]


def test_large_payloads_and_results_pass(executing: Executing) -> None:
    text = "x" * 3_000_000

    small, large = executing.submit("quick"), executing.submit("echo_text", {"text": text})

    assert len(result_of(executing.settled(large))) == len(text) + 2
    assert result_of(executing.settled(small)) == b"0"


def test_an_isolated_task_has_a_process_of_its_own(executing: Executing) -> None:
    deliveries = [executing.submit("whereabouts_apart") for _ in range(2)]

    pids = {int(result_of(executing.settled(delivery))) for delivery in deliveries}

    assert len(pids - {os.getpid()}) == 2
    wait_for(lambda: not any(is_alive(pid) for pid in pids))


def test_a_task_that_plain_rq_code_asks_for_is_isolated_all_the_same(executing: Executing) -> None:
    delivery = build_delivery("whereabouts_apart")
    delivery.job = delivery.job._replace(task="")

    executing.executor.submit([delivery])

    pid = int(result_of(executing.settled(delivery)))
    assert pid != os.getpid()
    wait_for(lambda: not is_alive(pid))


def test_a_suspect_runs_in_a_process_of_its_own(executing: Executing) -> None:
    settlement = executing.run("whereabouts", suspect=True)

    pid = int(result_of(settlement))

    assert pid != os.getpid()
    wait_for(lambda: not is_alive(pid))


@pytest.mark.parametrize("executing", CHILDREN, indirect=True)
def test_a_process_is_used_again(executing: Executing) -> None:
    pids = {result_of(executing.run("whereabouts")) for _ in range(10)}

    assert len(pids) <= 2
    assert str(os.getpid()).encode() not in pids


# ---------------------------------------------------------------- timeouts


@pytest.mark.parametrize(
    ("executing", "task"),
    [
        ("process", "clean_up"),
        *((kind, "clean_up_async") for kind in KINDS),
    ],
    indirect=["executing"],
)
def test_a_task_is_interrupted_at_its_timeout_and_cleans_up(
    executing: Executing, task: str, tmp_path: Path, started: Path
) -> None:
    cleaned = tmp_path / "cleaned"

    settlement = executing.run(
        task, {"started": str(started), "cleaned": str(cleaned)}, timeout_seconds=1
    )

    error = error_of(settlement, Failed)
    assert error.type == "jobyard.errors.JobTimeoutError"
    assert error.message == "The task ran past its timeout of 1 s."
    assert cleaned.exists()


def test_a_task_that_looks_ends_at_its_timeout(executing: Executing, started: Path) -> None:
    settlement = executing.run("look_and_wait", {"started": str(started)}, timeout_seconds=1)

    assert error_of(settlement, Failed).type == "jobyard.errors.JobTimeoutError"


def test_a_machine_without_a_free_process_costs_an_isolated_job_time_only(
    own: list[Executing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobyard_worker.executors.nursery._NO_PROCESS_SECONDS", 0.01)
    failures = [OSError("no process"), OSError("no memory")]

    def start_at_last(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return ChildProcess(*args)

    monkeypatch.setattr("jobyard_worker.executors.nursery.ChildProcess", start_at_last)
    own.append(Executing("thread", concurrency=1))

    settlement = own[0].run("quick", suspect=True)

    result_of(settlement)
    assert failures == []


def test_a_coroutine_that_cancels_itself_has_failed(executing: Executing) -> None:
    settlement = executing.run("cancel_itself")

    assert error_of(settlement, Failed).type == "asyncio.exceptions.CancelledError"


@pytest.mark.parametrize("executing", ["thread", "asyncio"], indirect=True)
def test_a_thread_that_returns_late_has_succeeded(executing: Executing, tmp_path: Path) -> None:
    gate, started = tmp_path / "gate", tmp_path / "started"
    delivery = executing.submit(
        "wait_for_gate", {"path": str(gate), "started": str(started)}, timeout_seconds=0.01
    )
    wait_for(started.exists, SECONDS)

    gate.touch()

    assert result_of(executing.settled(delivery)) == b'"open"'


@pytest.mark.parametrize(
    ("executing", "suspect"), [("process", False), ("thread", True)], indirect=["executing"]
)
def test_who_does_not_end_at_its_timeout_is_killed_alone(
    executing: Executing, started: Path, tmp_path: Path, suspect: bool
) -> None:
    gate = tmp_path / "gate"
    neighbour = executing.submit("wait_for_gate", {"path": str(gate)})
    holder = executing.submit(
        "hold_interpreter", {"started": str(started)}, timeout_seconds=1, suspect=suspect
    )

    error = error_of(executing.settled(holder), Failed)
    gate.touch()

    assert error.type == "jobyard.errors.JobTimeoutError"
    assert "was killed" in error.message
    assert result_of(executing.settled(neighbour)) == b'"open"'


# ---------------------------------------------------------------- cancel


@pytest.mark.parametrize(
    ("executing", "task"),
    [("process", "clean_up"), *((kind, "clean_up_async") for kind in KINDS)],
    indirect=["executing"],
)
def test_a_canceled_task_is_interrupted_and_cleans_up(
    executing: Executing, task: str, tmp_path: Path, started: Path
) -> None:
    cleaned = tmp_path / "cleaned"
    delivery = executing.submit(task, {"started": str(started), "cleaned": str(cleaned)})
    wait_for(started.exists, SECONDS)

    delivery.cancel()

    error = error_of(executing.settled(delivery), Canceled)
    assert error.type == "jobyard.errors.JobCanceledError"
    assert cleaned.exists()


def test_a_task_that_looks_is_canceled(executing: Executing, started: Path) -> None:
    delivery = executing.submit("look_and_wait", {"started": str(started)})
    wait_for(started.exists, SECONDS)

    delivery.cancel()

    error = error_of(executing.settled(delivery), Canceled)
    assert error.type == "jobyard.errors.JobCanceledError"


@pytest.mark.parametrize(
    ("executing", "suspect"), [("process", False), ("asyncio", True)], indirect=["executing"]
)
def test_who_does_not_end_on_cancel_is_killed(
    executing: Executing, started: Path, suspect: bool
) -> None:
    delivery = executing.submit("hold_interpreter", {"started": str(started)}, suspect=suspect)
    wait_for(started.exists, SECONDS)

    delivery.cancel()

    assert error_of(executing.settled(delivery), Canceled).type == "Killed"


def test_what_is_canceled_before_its_start_never_starts(
    executing: Executing, started: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    running = [executing.submit("wait_for_gate", {"path": str(gate)}) for _ in range(2)]
    waiting = executing.submit("clean_up", {"started": str(started), "cleaned": str(started)})

    waiting.cancel()
    gate.touch()

    assert isinstance(executing.settled(waiting), Canceled)
    assert [result_of(executing.settled(delivery)) for delivery in running] == [b'"open"'] * 2
    assert not started.exists()


@pytest.mark.parametrize("executing", ["thread", "asyncio"], indirect=True)
def test_a_coroutine_that_swallows_its_cancel_keeps_its_slot(
    executing: Executing, tmp_path: Path, started: Path
) -> None:
    gate, told = tmp_path / "gate", tmp_path / "told"
    payload = {"gate": str(gate), "started": str(started), "told": str(told)}
    delivery = executing.submit("swallow", payload)
    wait_for(started.exists, SECONDS)

    delivery.cancel()
    wait_for(told.exists, SECONDS)

    assert executing.look(delivery) is None
    gate.touch()
    assert result_of(executing.settled(delivery)) == b'"finished all the same"'


def test_a_child_of_a_lost_lease_is_killed_at_once(own: list[Executing], started: Path) -> None:
    executing = Executing("process", concurrency=1, kill_seconds=60)
    own.append(executing)
    delivery = executing.submit("hold_interpreter", {"started": str(started)})
    wait_for(started.exists, SECONDS)

    delivery.is_orphaned = True
    delivery.cancel()

    assert isinstance(executing.settled(delivery), Canceled)


# ---------------------------------------------------------------- slots and what waits


def test_a_job_of_an_earlier_queue_goes_first(executing: Executing, tmp_path: Path) -> None:
    gates = [tmp_path / "one", tmp_path / "two"]
    running = [executing.submit("wait_for_gate", {"path": str(gate)}) for gate in gates]
    wait_for(lambda: executing.executor.unstarted == 0)
    low = [executing.submit("quick", queue="low") for _ in range(3)]
    high = executing.submit("quick")

    gates[0].touch()

    first, *others = [executing.settled(delivery) for delivery in (high, *low)]
    assert first.ended <= min(settlement.started for settlement in others)
    gates[1].touch()
    assert [result_of(executing.settled(delivery)) for delivery in running] == [b'"open"'] * 2


def test_what_no_slot_has_started_can_be_taken_back(executing: Executing, tmp_path: Path) -> None:
    gate, started = tmp_path / "gate", [tmp_path / "one", tmp_path / "two"]
    running = [
        executing.submit("wait_for_gate", {"path": str(gate), "started": str(path)})
        for path in started
    ]
    wait_for(lambda: all(path.exists() for path in started), SECONDS)
    waiting = [executing.submit("quick") for _ in range(5)]

    withdrawn = executing.executor.withdraw()
    gate.touch()

    assert withdrawn == waiting
    assert not any(delivery.is_started for delivery in withdrawn)
    assert [result_of(executing.settled(delivery)) for delivery in running] == [b'"open"'] * 2
    wait_for(lambda: executing.executor.unfinished == 0)


def test_what_waits_in_a_child_behind_a_job_that_turns_out_long_is_taken_back(
    own: list[Executing], tmp_path: Path
) -> None:
    single = Executing("process", concurrency=1)
    own.append(single)
    gate, started = tmp_path / "gate", tmp_path / "started"
    gate.touch()
    for _ in range(5):  # the task gets a name for being quick
        single.run("wait_for_gate", {"path": str(gate)})
    gate.unlink()
    long = build_delivery("wait_for_gate", {"path": str(gate), "started": str(started)})
    behind = [build_delivery("wait_for_gate", {"path": str(gate)}) for _ in range(3)]
    single.executor.submit([long, *behind])
    wait_for(started.exists, SECONDS)

    withdrawn = single.executor.withdraw()
    gate.touch()

    assert withdrawn == behind
    assert result_of(single.settled(long)) == b'"open"'
    assert result_of(single.run("quick", {"number": 3})) == b"3"


@pytest.mark.parametrize("executing", CHILDREN, indirect=True)
def test_what_waits_behind_a_job_that_turns_out_long_goes_to_another_child(
    executing: Executing, tmp_path: Path
) -> None:
    gate, closed = tmp_path / "gate", tmp_path / "closed"
    gate.touch()
    for _ in range(10):  # the task gets a name for being quick
        executing.run("wait_for_gate", {"path": str(gate)})
    long = build_delivery("wait_for_gate", {"path": str(closed)})
    behind = [build_delivery("wait_for_gate", {"path": str(gate)}) for _ in range(6)]

    executing.executor.submit([long, *behind])

    assert {result_of(executing.settled(delivery)) for delivery in behind} == {b'"open"'}
    assert executing.look(long) is None
    closed.touch()
    assert result_of(executing.settled(long)) == b'"open"'


def test_hundreds_of_coroutines_run_at_once(own: list[Executing], tmp_path: Path) -> None:
    executing = Executing("asyncio", concurrency=500)
    own.append(executing)
    gate = tmp_path / "gate"
    started = [tmp_path / f"started-{number}" for number in range(500)]
    deliveries = [
        build_delivery("wait_for_gate_async", {"path": str(gate), "started": str(path)})
        for path in started
    ]

    executing.executor.submit(deliveries)

    wait_for(lambda: all(path.exists() for path in started), SECONDS)
    gate.touch()
    assert {result_of(executing.settled(it)) for it in deliveries} == {b'"open"'}


@pytest.mark.parametrize("executing", ["asyncio"], indirect=True)
def test_a_plain_function_does_not_block_the_loop(executing: Executing, tmp_path: Path) -> None:
    gate, started = tmp_path / "gate", tmp_path / "started"
    plain = executing.submit("wait_for_gate", {"path": str(gate), "started": str(started)})
    wait_for(started.exists, SECONDS)

    assert result_of(executing.run("quick_async", {"number": 1})) == b"1"
    gate.touch()
    assert result_of(executing.settled(plain)) == b'"open"'


@pytest.mark.parametrize("executing", ["asyncio"], indirect=True)
def test_who_blocks_the_loop_is_named(
    executing: Executing, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery = executing.submit("block_loop", {"seconds": 3}, id="the-blocker")

    executing.settled(delivery)

    shown = capsys.readouterr()
    assert "loop.blocked" in shown.out + shown.err
    assert "the-blocker" in shown.out + shown.err


# ---------------------------------------------------------------- deaths


@pytest.mark.parametrize("executing", CHILDREN, indirect=True)
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("kill", "was killed by SIGKILL"),
        ("segfault", "was killed by SIGSEGV"),
        ("exit", "ended with exit code 7"),
        ("fork", "ended with exit code 3"),
        ("close", "closed its pipe and was killed"),
    ],
)
def test_the_death_of_a_child_is_a_crash_of_its_job_alone(
    executing: Executing, tmp_path: Path, how: str, words: str
) -> None:
    gate, started = tmp_path / "gate", tmp_path / "started"
    neighbour = executing.submit("wait_for_gate", {"path": str(gate), "started": str(started)})
    wait_for(started.exists, SECONDS)

    error = error_of(executing.run("die", {"how": how}), Crashed)
    gate.touch()

    assert words in error.message
    assert result_of(executing.settled(neighbour)) == b'"open"'
    assert result_of(executing.run("quick", {"number": 1})) == b"1"


def test_jobs_behind_a_poison_pill_in_the_same_child_are_innocent(
    own: list[Executing], tmp_path: Path
) -> None:
    single = Executing("process", concurrency=1)
    own.append(single)
    for _ in range(5):
        single.run("quick")
    gate = tmp_path / "gate"
    before = [build_delivery("quick", {"number": number}) for number in range(3)]
    behind = [build_delivery("quick", {"number": number}) for number in range(3, 8)]
    pill = build_delivery("quick", {"number": 9})
    pill.job = pill.job._replace(data=build_delivery("die", {"how": "kill"}).job.data)

    single.executor.submit([*before, pill, *behind])

    assert isinstance(single.settled(pill), Crashed)
    results = [result_of(single.settled(delivery)) for delivery in (*before, *behind)]
    assert results == [str(number).encode() for number in range(8)]
    assert not gate.exists()


@pytest.mark.parametrize("executing", CHILDREN, indirect=True)
def test_an_idle_child_that_dies_is_replaced(executing: Executing) -> None:
    pid = int(result_of(executing.run("whereabouts")))

    os.kill(pid, signal.SIGKILL)

    assert result_of(executing.run("quick", {"number": 2})) == b"2"


@pytest.mark.parametrize("executing", CHILDREN, indirect=True)
def test_a_forked_copy_of_a_child_has_nothing_to_say(executing: Executing) -> None:
    pid = int(result_of(executing.run("twins")))

    assert is_alive(pid)
    assert result_of(executing.run("quick", {"number": 2})) == b"2"


def test_a_child_is_replaced_after_so_many_jobs(own: list[Executing]) -> None:
    executing = Executing("process", concurrency=1, child_max_jobs=2)
    own.append(executing)

    deliveries = [executing.submit("whereabouts") for _ in range(5)]

    pids = [result_of(executing.settled(delivery)) for delivery in deliveries]
    assert len(set(pids)) == 3
    assert pids[0] == pids[1]


def test_a_child_that_grew_is_replaced(own: list[Executing]) -> None:
    executing = Executing("process", concurrency=1, child_max_mb=150)
    own.append(executing)
    small = result_of(executing.run("hoard", {"megabytes": 1}))

    large = result_of(executing.run("hoard", {"megabytes": 200}))

    assert large == small
    assert result_of(executing.run("whereabouts")) != large
    wait_for(lambda: not is_alive(int(large)))


def test_what_a_task_started_ends_with_its_child(own: list[Executing]) -> None:
    executing = Executing("process", concurrency=1, child_max_jobs=1)
    own.append(executing)

    daemon = int(result_of(executing.run("start_daemon")))

    wait_for(lambda: not is_alive(daemon))
