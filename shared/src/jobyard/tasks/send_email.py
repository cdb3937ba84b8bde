"""Sends an e-mail by SMTP, or simulates it (classic: priority jobs with back-off).

``JOBYARD_SMTP_URL`` is ``smtp://[user:password@]host[:port]`` or ``smtps://…``; the sender is
``JOBYARD_SMTP_FROM``. Without it, nothing is sent: ``JOBYARD_EMAIL_SECONDS`` pass and a share of
``JOBYARD_EMAIL_FAILURE_RATE`` of the tries fails.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Annotated
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field

from jobyard import ConfigurationError, Context, EmailAddress, JobyardError, task

if TYPE_CHECKING:
    import smtplib
    from email.message import EmailMessage

SMTP_TIMEOUT_SECONDS = 10.0

Subject = Annotated[str, Field(max_length=500, pattern=r"^[^\r\n]*$")]


class EmailNotSentError(JobyardError):
    """A simulated failure; the retry policy of the task answers it."""


@task(retry=(1, 2, 4))
def send_email(ctx: Context, to: EmailAddress, subject: Subject, body: str) -> dict[str, str]:
    """Sends an e-mail, again after 1, 2 and 4 s when that fails."""
    url = os.environ.get("JOBYARD_SMTP_URL", "")
    if not url:
        _simulate(ctx)
        return {"to": to, "sent_by": "simulation"}
    _send(urlsplit(url), _message(ctx.job_id, to, subject, body))
    return {"to": to, "sent_by": "smtp"}


def _simulate(ctx: Context) -> None:
    ctx.sleep(float(os.environ.get("JOBYARD_EMAIL_SECONDS", "2")))
    if random.random() < float(os.environ.get("JOBYARD_EMAIL_FAILURE_RATE", "0.2")):  # noqa: S311
        raise EmailNotSentError("The simulated mail server refused, as it does now and then.")


def _message(job_id: str, to: str, subject: str, body: str) -> EmailMessage:
    """The id of the message is the job's, so that a mail sent twice is known as one."""
    from email.message import EmailMessage  # noqa: PLC0415
    from email.utils import formatdate  # noqa: PLC0415

    message = EmailMessage()
    message["From"] = os.environ.get("JOBYARD_SMTP_FROM", "jobyard@localhost")
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{job_id}@jobyard>"
    message.set_content(body)
    return message


def _send(url: SplitResult, message: EmailMessage) -> None:
    with _connect(url) as server:
        _secure(server, url)
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(message)


def _connect(url: SplitResult) -> smtplib.SMTP:
    import smtplib  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    if url.scheme not in ("smtp", "smtps") or not url.hostname:
        raise ConfigurationError("JOBYARD_SMTP_URL: write smtp://user:password@host:587")
    if url.scheme == "smtps":
        return smtplib.SMTP_SSL(
            url.hostname,
            url.port or 465,
            timeout=SMTP_TIMEOUT_SECONDS,
            context=ssl.create_default_context(),
        )
    return smtplib.SMTP(url.hostname, url.port or 25, timeout=SMTP_TIMEOUT_SECONDS)


def _secure(server: smtplib.SMTP, url: SplitResult) -> None:
    """STARTTLS where it is offered; a password never goes out in the clear."""
    import ssl  # noqa: PLC0415

    server.ehlo()
    if url.scheme == "smtps":
        return
    if server.has_extn("starttls"):
        server.starttls(context=ssl.create_default_context())
        server.ehlo()
    elif url.username:
        raise ConfigurationError(
            f"{url.hostname} offers no STARTTLS and JOBYARD_SMTP_URL has a password: use smtps://"
        )
