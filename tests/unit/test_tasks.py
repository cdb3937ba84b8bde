"""The tasks that come with Jobyard."""

from __future__ import annotations

import re
import threading
from email import message_from_bytes, policy
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard import ConfigurationError, InvalidPayloadError, JobCanceledError, JobTimeoutError
from jobyard.registry import discover
from jobyard.testing import RecordingContext, assert_refuses, assert_retries_after
from jobyard.testing import run as run_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobyard import Task

TASKS = discover()

MAIL = {"to": "a@example.com", "subject": "Hello", "body": "World"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBYARD_HEAVY_COMPUTE_SECONDS", "0")
    monkeypatch.setenv("JOBYARD_FAKE_EMAIL_SECONDS", "0")
    monkeypatch.setenv("JOBYARD_EMAIL_SECONDS", "0")
    monkeypatch.setenv("JOBYARD_EMAIL_FAILURE_RATE", "0")
    monkeypatch.delenv("JOBYARD_SMTP_URL", raising=False)


def run(name: str, payload: dict[str, Any], context: RecordingContext | None = None) -> Any:
    return run_task(TASKS.get(name), payload, context=context)


@pytest.mark.parametrize("task", TASKS.tasks(), ids=lambda task: task.name)
def test_every_task_publishes_a_valid_schema_and_says_what_it_does(task: Task) -> None:
    assert jsonschema_rs.meta.is_valid(task.payload.schema)
    assert task.description.endswith(".")


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("send_fake_email", {"email": "nobody"}),
        ("send_fake_email", {"email": "a@b.c\n"}),
        ("send_email", {**MAIL, "subject": "a\nb"}),
        ("schedule_appointment", {"date": "2024-09-12", "time": "11:00 am", "description": ""}),
        ("sleep", {"seconds": 3_601}),
        ("add", {"a": "1", "b": 2}),
        ("random_number", {"lowest": 1.5, "highest": 2}),
    ],
)
def test_a_bad_payload_is_refused_by_the_schema_alone(name: str, payload: dict[str, Any]) -> None:
    assert not jsonschema_rs.is_valid(TASKS.get(name).payload.schema, payload)


def test_echo_returns_whatever_it_gets() -> None:
    assert run("echo", {"a": [1], "model_config": None}) == {"a": [1], "model_config": None}


def test_add_adds() -> None:
    assert run("add", {"a": 2, "b": 3}) == 5


def test_fail_fails_with_its_message() -> None:
    with pytest.raises(RuntimeError, match="told so"):
        run("fail", {"message": "told so"})


def test_sleep_returns_its_seconds() -> None:
    assert run("sleep", {"seconds": 0}) == 0


@pytest.mark.parametrize("seconds", [-1, 3_601])
def test_sleep_is_bounded(seconds: float) -> None:
    assert_refuses(TASKS.get("sleep"), {"seconds": seconds}, at="/seconds")


def test_sleep_outlasts_the_default_timeout() -> None:
    timeout_seconds = TASKS.get("sleep").timeout_seconds

    assert timeout_seconds is not None
    assert timeout_seconds > 3_600


def test_sleep_wakes_when_it_is_cancelled() -> None:
    context = RecordingContext()
    threading.Timer(0.02, context.cancel).start()

    with pytest.raises(JobCanceledError):
        run("sleep", {"seconds": 3_600}, context)


def test_sleep_wakes_at_its_deadline() -> None:
    with pytest.raises(JobTimeoutError):
        run("sleep", {"seconds": 3_600}, RecordingContext(timeout_seconds=0.02))


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**9))
def test_random_number_is_between_its_bounds(lowest: int, width: int) -> None:
    drawn = run("random_number", {"lowest": lowest, "highest": lowest + width})

    assert lowest <= drawn <= lowest + width


def test_random_number_refuses_bounds_in_the_wrong_order() -> None:
    with pytest.raises(InvalidPayloadError) as caught:
        run("random_number", {"lowest": 7, "highest": 2})

    assert caught.value.problems[0][0] == "/lowest"


@pytest.mark.parametrize("name", ["random_number", "notification", "schedule_appointment"])
def test_the_tasks_of_the_notifications_keep_their_results_500_seconds(name: str) -> None:
    task = TASKS.get(name)

    assert (task.queue, task.result_ttl_seconds) == ("notifications", 500)


def test_a_notification_leaves_a_line_with_the_time() -> None:
    context = RecordingContext()

    run("notification", {}, context)

    (line,) = context.journal_lines("notifications")
    assert re.fullmatch(r"Notification at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line)


def test_a_notification_may_say_more() -> None:
    context = RecordingContext()

    run("notification", {"message": "dentist"}, context)

    assert context.journal_lines("notifications")[0].endswith(": dentist")


def test_an_appointment_is_recorded_and_returned() -> None:
    context = RecordingContext()
    appointment = {"date": "12-09-2024", "time": "11:00 am", "description": "dentist"}

    result = run("schedule_appointment", appointment, context)

    assert result.model_dump() == appointment
    assert context.journal_lines("appointments") == ["12-09-2024 11:00 am: dentist"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("date", "31-02-2024"),
        ("date", "2024-09-12"),
        ("date", "12-13-2024"),
        ("time", "13:00 am"),
        ("time", "11:60 am"),
        ("time", "11:00"),
    ],
)
def test_an_impossible_appointment_is_refused(field: str, value: str) -> None:
    payload = {"date": "12-09-2024", "time": "11:00 am", "description": "", field: value}

    assert_refuses(TASKS.get("schedule_appointment"), payload, at=f"/{field}")


def test_heavy_compute_sums_up_its_keys_in_order() -> None:
    payload = {"user_id": 101, "message": "hello"}

    assert run("heavy_compute", payload) == {
        "echo": payload,
        "summary": "Processed keys: ['user_id', 'message']",
    }


def test_heavy_compute_takes_the_time_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBYARD_HEAVY_COMPUTE_SECONDS", "60")

    with pytest.raises(JobTimeoutError):
        run("heavy_compute", {}, RecordingContext(timeout_seconds=0.01))


def test_heavy_compute_keeps_the_limits_of_the_older_system() -> None:
    task = TASKS.get("heavy_compute")

    limits = (task.timeout_seconds, task.result_ttl_seconds, task.failure_ttl_seconds)
    assert limits == (900, 3_600, 86_400)


def test_a_fake_email_says_that_it_was_sent() -> None:
    result = run("send_fake_email", {"email": "a@example.com"})

    assert result == "Task complete: Email sent to a@example.com"


@pytest.mark.parametrize(("name", "field"), [("send_fake_email", "email"), ("send_email", "to")])
def test_a_bad_address_is_refused(name: str, field: str) -> None:
    assert_refuses(TASKS.get(name), {**MAIL, field: "nobody"}, at=f"/{field}")


def test_a_subject_cannot_smuggle_headers() -> None:
    payload = {**MAIL, "subject": "Hello\r\nBcc: everybody@example.com"}

    assert_refuses(TASKS.get("send_email"), payload, at="/subject")


def test_an_email_is_tried_again_after_1_2_and_4_seconds() -> None:
    assert_retries_after(TASKS.get("send_email"), 1, 2, 4)


def test_without_a_mail_server_sending_is_simulated() -> None:
    assert run("send_email", MAIL) == {"to": "a@example.com", "sent_by": "simulation"}


def test_the_simulation_fails_at_the_told_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBYARD_EMAIL_FAILURE_RATE", "1")

    with pytest.raises(Exception, match="simulated mail server refused"):
        run("send_email", MAIL)


class MailServer(ThreadingTCPServer):
    """Takes mail without TLS; keeps each message."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.received: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Session)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Session(StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:  # type: ignore[explicit-override]
        self._say("220 ready")
        while line := self.rfile.readline():
            command = line[:4].upper().strip()
            if command == b"QUIT":
                return self._say("221 bye")
            if command == b"DATA":
                self._say("354 go on")
                self.server.received.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self._say("250 ok")
        return None

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server
        server.shutdown()


def test_an_email_goes_to_the_configured_server(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBYARD_SMTP_URL", f"smtp://{mail_server.address}")
    monkeypatch.setenv("JOBYARD_SMTP_FROM", "yard@example.com")

    result = run("send_email", MAIL, RecordingContext(job_id="job-7"))

    message = message_from_bytes(mail_server.received[0], policy=policy.default)
    assert result["sent_by"] == "smtp"
    assert (message["To"], message["From"]) == ("a@example.com", "yard@example.com")
    assert (message["Subject"], message["Message-ID"]) == ("Hello", "<job-7@jobyard>")
    assert message.get_content().strip() == "World"


def test_a_password_is_never_sent_in_the_clear(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBYARD_SMTP_URL", f"smtp://me:secret@{mail_server.address}")

    with pytest.raises(ConfigurationError, match="use smtps://") as caught:
        run("send_email", MAIL)

    assert "secret" not in str(caught.value)
    assert mail_server.received == []


@pytest.mark.parametrize("url", ["http://mail:25", "smtp://", "mail:25"])
def test_a_wrong_mail_url_is_explained(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBYARD_SMTP_URL", url)

    with pytest.raises(ConfigurationError, match="JOBYARD_SMTP_URL"):
        run("send_email", MAIL)
