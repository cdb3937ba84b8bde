"""Pretends to send an e-mail; the job of ``GET /send-email/{email}`` (classic: e-mail queue)."""

from __future__ import annotations

import os

from jobyard import Context, EmailAddress, task


@task
def send_fake_email(ctx: Context, email: EmailAddress) -> str:
    """Takes ten seconds, sends nothing, and says that it did."""
    ctx.sleep(float(os.environ.get("JOBYARD_FAKE_EMAIL_SECONDS", "10")))
    return f"Task complete: Email sent to {email}"
