"""The few HTML pages of the API, all without inline scripts. Text is escaped, always."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobyard_api.problem_types import ProblemType

STRICT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FORM_POLICY = STRICT_POLICY.replace("form-action 'none'", "form-action 'self'")
# Swagger UI and ReDoc write styles as they go, and ReDoc searches in a worker.
READER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(html: str, policy: str = STRICT_POLICY, status: int = 200) -> HTMLResponse:
    """An HTML page under a content security policy."""
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return HTMLResponse(html, status, headers)


def static_page(name: str, policy: str = STRICT_POLICY) -> HTMLResponse:
    """A page of the package's ``static`` folder."""
    return page((files("jobyard_api") / "static" / name).read_text("utf-8"), policy)


def error_page(kind: ProblemType) -> HTMLResponse:
    """The page that explains one kind of error."""
    again = "Yes, unchanged." if kind.retryable else "No, change the request first."
    body = (
        f"<p><a href='/docs/errors'>All errors</a></p><h1>{escape(kind.title)}</h1>"
        f"<dl><dt>Code</dt><dd><code>{escape(kind.code)}</code></dd>"
        f"<dt>Status</dt><dd>{kind.status}</dd>"
        f"<dt>Send it again?</dt><dd>{again}</dd></dl>"
        f"<h2>What happened</h2><p>{_inline(kind.meaning)}</p>"
        f"<h2>What to do</h2><p>{_inline(kind.remedy)}</p>"
    )
    return page(_frame(kind.title, body))


def error_index(kinds: Iterable[ProblemType]) -> HTMLResponse:
    """The list of all kinds of errors."""
    rows = "".join(
        f"<tr><td>{kind.status}</td><td><a href='{kind.path}'>{escape(kind.code)}</a></td>"
        f"<td>{escape(kind.title)}</td></tr>"
        for kind in kinds
    )
    table = f"<table><tr><th>Status</th><th>Code</th><th>Title</th></tr>{rows}</table>"
    return page(_frame("Errors", f"<h1>Errors</h1>{table}"))


def sign_in_page(following: str, complaint: str = "", status: int = 200) -> HTMLResponse:
    """The form that takes a key; ``following`` is the path that it leads to."""
    warning = f"<p role='alert'>{escape(complaint)}</p>" if complaint else ""
    body = (
        "<h1>Sign in</h1><p>With an API key. An operator makes one with "
        f"<code>jobyard keys create</code>.</p>{warning}"
        "<form class='sign-in' method='post' action='/sign-in'>"
        f"<input type='hidden' name='next' value='{escape(following, quote=True)}'>"
        "<label for='key'>API key</label>"
        "<input id='key' name='key' type='password' required autofocus spellcheck='false' "
        "autocomplete='current-password' placeholder='yd_…'>"
        "<button>Sign in</button></form>"
    )
    return page(_frame("Sign in", body), FORM_POLICY, status)


def _frame(title: str, body: str) -> str:
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)} · Jobyard"
        "</title><meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<link rel='icon' href='/static/icon.svg'><link rel='stylesheet' href='/static/text.css'>"
        f"<main>{body}</main></html>"
    )


def _inline(text: str) -> str:
    """Escapes text; what stands between backticks becomes code."""
    parts = escape(text).split("`")
    return "".join(
        f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts)
    )
