"""Logs: one event a line, as JSON or for people."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import select
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import structlog
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobyard import Context
from jobyard.observability.bounded import MAX_LINE_BYTES
from jobyard.observability.frequent import FrequentEvent
from jobyard.observability.line_stream import lines_together
from jobyard.observability.log_level import current_level, set_level
from jobyard.observability.logging import (
    LogFields,
    configure_logging,
    get_logger,
    log_context,
)
from support.waiting import wait_for

Configure = Callable[..., BytesIO]


@pytest.fixture
def configure() -> Iterator[Configure]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def start(log_format: Literal["json", "console"] = "json", log_level: str = "info") -> BytesIO:
        stream = BytesIO()
        settings = SimpleNamespace(log_format=log_format, log_level=log_level)
        configure_logging("worker", settings, stream)
        return stream

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def events(stream: BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_that_belong_together_are_one_write(configure: Configure) -> None:
    stream = configure()
    log = get_logger("mine")

    with lines_together():
        log.info("first")
        log.info("second")
        nothing_yet = stream.getvalue()

    assert nothing_yet == b""
    assert [event["event"] for event in events(stream)] == ["first", "second"]


def test_an_event_is_one_line_of_json(configure: Configure) -> None:
    stream = configure()

    get_logger("mine").info("job.finished", job_id="7", duration_ms=3)

    (event,) = events(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event.pop("timestamp"))
    assert event == {
        "level": "info",
        "event": "job.finished",
        "service": "worker",
        "logger": "mine",
        "job_id": "7",
        "duration_ms": 3,
    }


def test_what_is_below_the_level_is_left_out(configure: Configure) -> None:
    stream = configure(log_level="warning")

    get_logger("mine").info("quiet")
    logging.getLogger("library").info("quiet")
    get_logger("mine").warning("loud")

    assert [event["event"] for event in events(stream)] == ["loud"]


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_the_level_changes_for_loggers_that_are_in_use(configure: Configure, level: str) -> None:
    stream = configure(log_level="error" if level == "debug" else "debug")
    mine, library = get_logger("mine").bind(), logging.getLogger("library")
    mine.error("used")
    library.error("used")

    set_level(level)

    before = len(events(stream))
    for word in ("debug", "info", "warning", "error"):
        getattr(mine, word)(word)
        getattr(library, word)(word)
    wanted = ["debug", "info", "warning", "error"]
    wanted = wanted[wanted.index(level) :]
    assert [event["event"] for event in events(stream)[before:]] == [
        word for word in wanted for _ in range(2)
    ]
    assert current_level() == level


def test_fields_are_on_every_line_inside_and_on_none_after(configure: Configure) -> None:
    stream = configure()

    with LogFields(job_id="j", queue="q"), LogFields(queue="inner"):
        get_logger("mine").info("one")
        logging.getLogger("library").info("two")
    get_logger("mine").info("three")

    assert [(event.get("job_id"), event.get("queue")) for event in events(stream)] == [
        ("j", "inner"),
        ("j", "inner"),
        (None, None),
    ]


def test_fields_of_coroutines_that_take_turns_do_not_mix(configure: Configure) -> None:
    stream = configure()

    async def job(name: str) -> None:
        with LogFields(job_id=name):
            for _ in range(3):
                await asyncio.sleep(0)
                get_logger("mine").info(name)
            await asyncio.to_thread(logging.getLogger("library").info, name)

    async def both() -> None:
        await asyncio.gather(job("a"), job("b"))

    asyncio.run(both())

    assert len(events(stream)) == 8
    assert all(event["job_id"] == event["event"] for event in events(stream))


def test_what_the_standard_library_is_given_beside_a_message_is_shown(
    configure: Configure,
) -> None:
    stream = configure()

    logging.getLogger("library").info("sent", extra={"bytes": 7, "level": "mine"})

    (event,) = events(stream)
    assert (event["bytes"], event["level"]) == (7, "info")


def test_bound_context_is_on_every_line(configure: Configure) -> None:
    stream = configure()

    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        get_logger("mine").info("one")
        logging.getLogger("library").info("two")

    assert [event["request_id"] for event in events(stream)] == ["r-1", "r-1"]


def test_a_jobs_logger_carries_the_job(configure: Configure) -> None:
    stream = configure()
    context = Context(job_id="j", task="greet", queue="high", attempt=2)

    context.log.info("half.done")

    (event,) = events(stream)
    assert event["logger"] == "jobyard.tasks.greet"
    assert (event["job_id"], event["queue"], event["attempt"]) == ("j", "high", 2)


def test_the_standard_library_goes_the_same_way(configure: Configure) -> None:
    stream = configure()

    logging.getLogger("uvicorn.error").warning("port %d is busy", 80)

    (event,) = events(stream)
    assert (event["event"], event["level"]) == ("port 80 is busy", "warning")
    assert (event["logger"], event["service"]) == ("uvicorn.error", "worker")


def test_levels_that_others_invented_find_the_one_below(configure: Configure) -> None:
    stream = configure()

    logging.getLogger("library").log(25, "between")

    assert events(stream)[0]["level"] == "info"


def test_configuring_twice_does_not_log_twice(configure: Configure) -> None:
    configure()
    stream = configure()

    logging.getLogger("library").warning("once")

    assert len(events(stream)) == 1


def test_warnings_are_logged(configure: Configure) -> None:
    stream = configure()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)

    assert "old thing" in events(stream)[0]["event"]


def test_an_exception_is_structured_text_in_its_line(configure: Configure) -> None:
    stream = configure()

    try:
        _ = os.environ["JOBYARD_NOT_SET"]
    except KeyError:
        get_logger("mine").exception("it.failed")

    (event,) = events(stream)
    assert (event["exception"]["type"], event["exception"]["message"]) == (
        "KeyError",
        "'JOBYARD_NOT_SET'",
    )
    assert "test_logging.py" in event["exception"]["traceback"]


def test_an_exception_of_the_standard_library_is_too(configure: Configure) -> None:
    stream = configure()

    logging.getLogger("library").error("it failed", exc_info=ValueError("x"))

    assert events(stream)[0]["exception"]["type"] == "ValueError"


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "value",
    ["a\nb", "\ud800", float("nan"), object(), {1: object()}, b"\xff", None, "\x1b[31m"],
)
def test_any_value_makes_one_line(configure: Configure, log_format: str, value: object) -> None:
    stream = configure(log_format)

    get_logger("mine").info("event", value=value)

    assert stream.getvalue().count(b"\n") == 1
    assert b"\x1b" not in stream.getvalue()


def test_a_value_that_contains_itself_makes_one_line(configure: Configure) -> None:
    stream = configure()
    value: list[object] = []
    value.append(value)

    get_logger("mine").info("event", value=value)

    assert events(stream)[0]["value"] == "[[...]]"


class BrokenError(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:  # type: ignore[explicit-override]
        raise RuntimeError


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_cannot_be_shown_makes_one_line(configure: Configure, log_format: str) -> None:
    stream = configure(log_format)

    get_logger("mine").info("event", value=BrokenError(), number=10**5000)
    get_logger("mine").info("event", exc_info=BrokenError())

    assert len(re.findall(rb"info", stream.getvalue())) == 2
    assert b"cannot be shown" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "fields",
    [
        {"value": "x" * 1_000_000},
        {"value": list(range(100_000))},
        {f"field_{number}": number for number in range(10_000)},
        {f"field_{number}": "x" * 1_000 for number in range(100)},
        {"exc_info": ValueError("x" * 1_000_000)},
    ],
)
def test_a_line_has_a_bounded_length(
    configure: Configure, log_format: str, fields: dict[str, Any]
) -> None:
    stream = configure(log_format)

    get_logger("mine").info("event", **fields)

    assert len(stream.getvalue()) <= MAX_LINE_BYTES + 3_000  # a traceback on the console is apart
    assert re.search(rb"left.out", stream.getvalue())


def test_a_task_cannot_say_that_another_service_wrote_a_line(configure: Configure) -> None:
    stream = configure()

    get_logger("mine").info("event", service="other", logger="other")

    (event,) = events(stream)
    assert (event["service"], event["logger"]) == ("worker", "mine")
    assert (event["service_"], event["logger_"]) == ("other", "other")


def test_of_a_long_traceback_the_end_is_kept(configure: Configure) -> None:
    stream = configure()

    error = LookupError("first")
    for number in range(400):
        later = LookupError(str(number))
        later.__cause__, error = error, later
    get_logger("mine").error("fell", exc_info=error)

    (event,) = events(stream)
    assert event["exception"]["traceback"].startswith("… ")
    assert event["exception"]["traceback"].rstrip().endswith("LookupError: 399")
    assert 4_000 < len(event["exception"]["traceback"]) < 9_000


def test_what_is_cut_keeps_its_kind_and_says_how_much_is_gone(configure: Configure) -> None:
    stream = configure()

    get_logger("mine").info("event", number=7, flag=True, text="y" * 20_000)

    (event,) = events(stream)
    assert (event["number"], event["flag"]) == (7, True)
    assert event["text"] == "y" * 2_000 + "… 18000 characters left out"


def test_a_lone_surrogate_leaves_the_other_values_as_they_are(configure: Configure) -> None:
    stream = configure()

    get_logger("mine").info("event", number=7, nested={"text": "\ud800", "more": [1]})

    (event,) = events(stream)
    assert event["number"] == 7
    assert event["nested"]["text"] == "\\ud800"


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(), st.dictionaries(st.sampled_from("abc"), st.text()))
def test_any_text_makes_one_line(configure: Configure, event: str, values: dict[str, str]) -> None:
    stream = configure("console")

    get_logger("mine").info(event, **values)

    assert len(stream.getvalue().decode(errors="replace").splitlines()) == 1


def test_a_console_line_has_time_level_event_and_values(configure: Configure) -> None:
    stream = configure("console")

    get_logger("mine").info("job.finished", job_id="7", text="two words")

    line = stream.getvalue().decode()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3} info    job\.finished job_id=7 text='two words'\n", line
    )


def test_on_the_console_what_an_event_is_about_stands_before_whose_it_is(
    configure: Configure,
) -> None:
    stream = configure("console")

    with LogFields(job_id="j", attempt=1):
        get_logger("mine").info("sent", to="you", bytes=7)

    assert stream.getvalue().endswith(b"sent to=you bytes=7 job_id=j attempt=1\n")


def test_a_traceback_is_readable_on_the_console(configure: Configure) -> None:
    stream = configure("console")

    get_logger("mine").error("it.failed", exc_info=ValueError("x"))

    assert stream.getvalue().endswith(b"\nValueError: x\n")


def test_lines_of_several_threads_do_not_mix(configure: Configure) -> None:
    stream = configure()
    log = get_logger("mine")

    threads = [
        threading.Thread(target=lambda: [log.info("x", filler="y" * 500) for _ in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(events(stream)) == 800


def test_lines_of_several_processes_do_not_mix_in_a_full_pipe() -> None:
    """Nobody reads until all have begun: the pipe is full, and whoever writes has to wait."""
    command = [sys.executable, "-c", _MANY_LINES]
    reader, writer = os.pipe()
    children = [subprocess.Popen([*command, name], stderr=writer) for name in "abc"]
    wait_for(lambda: not select.select([], [writer], [], 0)[1])
    os.close(writer)

    with os.fdopen(reader, "rb") as pipe:
        lines = [json.loads(line) for line in pipe]

    assert [child.wait() for child in children] == [0, 0, 0]
    assert len(lines) == 3 * 200
    assert all(set(line["filler"]) == {line["name"]} for line in lines)


_MANY_LINES = """
import sys
from types import SimpleNamespace
from jobyard.observability.line_stream import lines_together
from jobyard.observability.logging import configure_logging, get_logger
configure_logging("worker", SimpleNamespace(log_format="json", log_level="info"))
name = sys.argv[1]
with lines_together():
    for _ in range(100):
        get_logger("mine").info("x", name=name, filler=name * 900)
for _ in range(100):
    get_logger("mine").info("x", name=name, filler=name * 3_500)
"""


def test_a_reader_that_went_away_stops_nobody(configure: Configure) -> None:
    class Gone(BytesIO):
        def write(self, _: object) -> int:  # type: ignore[explicit-override]
            raise BrokenPipeError

    settings = SimpleNamespace(log_format="json", log_level="info")
    configure()
    configure_logging("worker", settings, Gone())

    get_logger("mine").info("nobody reads this")


def test_a_frequent_event_is_a_line_as_of_any_logger(configure: Configure) -> None:
    stream = configure()

    async def turn() -> None:
        log_context.set({"request_id": "r-1"})
        event = FrequentEvent("api.access", "http.request")
        event.log({"status": 201})
        get_logger("api.access").info("http.request", status=201)

    asyncio.run(turn())

    mine, usual = sorted(map(json.loads, stream.getvalue().splitlines()), key=str)
    assert mine.pop("timestamp")[:13] == usual.pop("timestamp")[:13]
    assert mine == usual


def test_frequent_events_of_one_turn_are_written_at_its_end_in_one(configure: Configure) -> None:
    stream = configure()
    writes: list[bytes] = []
    stream.write = writes.append  # type: ignore[assignment, method-assign]

    async def two_turns() -> list[int]:
        event = FrequentEvent("api.access", "http.request")
        event.log({"number": 1})
        event.log({"number": 2})
        before = len(writes)
        await asyncio.sleep(0)
        after = len(writes)
        event.log({"number": 3})
        event.flush()
        return [before, after, len(writes)]

    assert asyncio.run(two_turns()) == [0, 1, 2]
    assert [line.count(b"\n") for line in writes] == [2, 1]


def test_a_frequent_event_heeds_a_level_that_changes(configure: Configure) -> None:
    stream = configure(log_level="warning")

    async def turn() -> None:
        event = FrequentEvent("api.access", "http.request")
        quiet = FrequentEvent("api.access", "http.request", "debug")
        event.log({"number": 1})
        set_level("info")
        event.log({"number": 2})
        quiet.log({"number": 3})
        set_level("debug")
        quiet.log({"number": 4})

    asyncio.run(turn())

    assert [(line["number"], line["level"]) for line in events(stream)] == [
        (2, "info"),
        (4, "debug"),
    ]


def test_a_frequent_event_heeds_level_and_format(configure: Configure) -> None:
    async def turn() -> None:
        FrequentEvent("api.access", "http.request").log({"status": 201})

    quiet = configure(log_level="warning")
    asyncio.run(turn())
    console = configure("console")
    asyncio.run(turn())

    assert quiet.getvalue() == b""
    assert console.getvalue().rstrip().endswith(b"info    http.request status=201")
