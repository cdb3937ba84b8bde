"""Every kind of error that the API answers with: code, status, and the words of its page.

``docs/errors/*.md`` is generated from this table, and ``/docs/errors/<code>`` shows the same text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The stable name of a kind of error."""

    MALFORMED_JSON = "malformed-json"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    URL_TOO_LONG = "url-too-long"
    HEADERS_TOO_LARGE = "headers-too-large"
    REQUEST_TIMEOUT = "request-timeout"
    BODY_TOO_LARGE = "body-too-large"
    PAYLOAD_TOO_LARGE = "payload-too-large"
    UNSAFE_JSON = "unsafe-json"
    INVALID_REQUEST = "invalid-request"
    INVALID_PAYLOAD = "invalid-payload"
    UNKNOWN_TASK = "unknown-task"
    UNKNOWN_QUEUE = "unknown-queue"
    CLASSIC_UNKNOWN_TASK = "classic-unknown-task"
    IDEMPOTENCY_CONFLICT = "idempotency-conflict"
    UNIQUE_CONFLICT = "unique-conflict"
    WITHHELD = "withheld"
    QUEUE_FULL = "queue-full"
    TOO_MANY_WAITING = "too-many-waiting"
    JOB_NOT_FOUND = "job-not-found"
    TASK_NOT_FOUND = "task-not-found"
    QUEUE_NOT_FOUND = "queue-not-found"
    WORKER_NOT_FOUND = "worker-not-found"
    PATH_NOT_FOUND = "path-not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    UNAUTHENTICATED = "unauthenticated"
    MISSING_SCOPE = "missing-scope"
    OPERATORS_ONLY = "operators-only"
    BEYOND_OWN_SCOPES = "beyond-own-scopes"
    CROSS_SITE_REQUEST = "cross-site-request"
    KEY_NOT_FOUND = "key-not-found"
    TENANT_NOT_FOUND = "tenant-not-found"
    QUOTA_EXHAUSTED = "quota-exhausted"
    JOB_ENDED = "job-ended"
    JOB_RUNNING = "job-running"
    JOB_WAITING = "job-waiting"
    STORE_UNAVAILABLE = "store-unavailable"
    SHUTTING_DOWN = "shutting-down"
    STORE_DATA = "store-data"
    INTERNAL_ERROR = "internal-error"
    BAD_REQUEST = "bad-request"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of error. ``retryable``: the same request may succeed later, unchanged."""

    code: Code
    status: int
    title: str
    meaning: str
    remedy: str
    retryable: bool = False

    @property
    def path(self) -> str:
        """Where the API shows the page of this kind; the ``type`` of the problem."""
        return f"/docs/errors/{self.code}"


def page_of(kind: ProblemType) -> str:
    """The page of one kind of error as Markdown."""
    again = "yes, unchanged" if kind.retryable else "no, change the request first"
    return (
        f"# {kind.title}\n\n"
        f"| | |\n|---|---|\n| code | `{kind.code}` |\n| status | {kind.status} |\n"
        f"| send it again? | {again} |\n\n"
        f"## What happened\n\n{kind.meaning}\n\n## What to do\n\n{kind.remedy}\n"
    )


PROBLEM_TYPES: dict[Code, ProblemType] = {
    kind.code: kind
    for kind in (
        ProblemType(
            Code.MALFORMED_JSON,
            400,
            "The body is not JSON",
            "The body is empty, is not UTF-8 or is not one complete JSON text. `detail` gives the "
            "place.",
            "Send one JSON object encoded in UTF-8.",
        ),
        ProblemType(
            Code.BAD_REQUEST,
            400,
            "The request cannot be read",
            "The request is not one that this server can take apart.",
            "Compare the request with the reference at `/docs`.",
        ),
        ProblemType(
            Code.CLASSIC_UNKNOWN_TASK,
            400,
            "Unknown task",
            "The classic route `POST /submit-job` was given the name of a task that no process "
            "has published. Nothing was stored.",
            "Use one of the names that `GET /v1/tasks` lists.",
        ),
        ProblemType(
            Code.UNAUTHENTICATED,
            401,
            "No key, or one that is not valid",
            "Nobody may do this without an API key. None was sent, or it was mistyped, was revoked "
            "or has expired.",
            "Send the header `Authorization: Bearer yd_…`. An operator makes keys with "
            "`jobyard keys create`. In a browser, sign in at `/sign-in`.",
        ),
        ProblemType(
            Code.MISSING_SCOPE,
            403,
            "The key does not have the scope",
            "The key is valid, but may not do this. `missing_scopes` names what it would need.",
            "Use another key, or ask for one with that scope.",
        ),
        ProblemType(
            Code.OPERATORS_ONLY,
            403,
            "Only operators may see this",
            "What is asked for belongs to the whole installation, and the key to one tenant.",
            "Use a key without a tenant.",
        ),
        ProblemType(
            Code.BEYOND_OWN_SCOPES,
            403,
            "A key cannot give what it does not have",
            "A key was to be made with a scope that the key which makes it does not have, or for "
            "another tenant. Nothing was stored.",
            "Ask for less, or use a key that has these scopes.",
        ),
        ProblemType(
            Code.CROSS_SITE_REQUEST,
            403,
            "Another site may have sent this",
            "The request came without a key of its own, and nothing shows that a page of this API "
            "sent it: `Sec-Fetch-Site` or `Origin` names another site, `X-CSRF-Token` does not "
            "repeat the cookie `jobyard_csrf`, or `Host` is not this machine's.",
            "Programs send a key in the header `Authorization`. Where no keys are in use, use the "
            "address `127.0.0.1` or `localhost`.",
        ),
        ProblemType(
            Code.JOB_NOT_FOUND,
            404,
            "No such job",
            "No job of this id is stored. It never existed, or it ended and its time to live is "
            "over.",
            "Check the id. Give a longer `result_ttl_seconds` or `failure_ttl_seconds` when a job "
            "must be readable for longer.",
        ),
        ProblemType(
            Code.TASK_NOT_FOUND,
            404,
            "No such task",
            "No process has published a task of this name.",
            "Use one of the names that `GET /v1/tasks` lists. A task appears there when a worker "
            "that has it starts.",
        ),
        ProblemType(
            Code.QUEUE_NOT_FOUND,
            404,
            "No such queue",
            "No queue of this name is known: no task belongs to it, no worker has ever served it, "
            "and no job was ever submitted to it.",
            "Use one of the names that `GET /v1/queues` lists; `detail` gives the nearest ones.",
        ),
        ProblemType(
            Code.WORKER_NOT_FOUND,
            404,
            "No such worker",
            "No worker of this name is registered. It left, or died and its lease ran out.",
            "Use one of the names that `GET /v1/workers` lists. A worker that starts again has a "
            "new name.",
        ),
        ProblemType(
            Code.KEY_NOT_FOUND,
            404,
            "No such key",
            "No API key of this id is stored: it never existed, or it was revoked.",
            "Use one of the ids that `GET /v1/api-keys` lists.",
        ),
        ProblemType(
            Code.TENANT_NOT_FOUND,
            404,
            "No such tenant",
            "The key belongs to another tenant.",
            "Ask for your own tenant, or use an operator's key.",
        ),
        ProblemType(
            Code.PATH_NOT_FOUND,
            404,
            "No such path",
            "The API has no resource at this path.",
            "Compare the path with the reference at `/docs`.",
        ),
        ProblemType(
            Code.METHOD_NOT_ALLOWED,
            405,
            "The path does not know this method",
            "The path exists and takes other methods.",
            "Use one of the methods of the `Allow` header.",
        ),
        ProblemType(
            Code.JOB_ENDED,
            409,
            "The job has ended",
            "A job that has ended cannot be cancelled or get another time. Only one that failed or "
            "was cancelled, and is not past its `expires_at`, can be queued anew. The member "
            "`state` says how it ended.",
            "Submit a new job where the work is to be done again.",
        ),
        ProblemType(
            Code.JOB_RUNNING,
            409,
            "The job is running",
            "A job that runs can be cancelled, but not deleted, queued anew or given another time. "
            "The member `state` is `running` or `canceling`.",
            "Cancel the job, or wait for its end: `GET /v1/jobs/{id}/result?wait=30s`.",
        ),
        ProblemType(
            Code.JOB_WAITING,
            409,
            "The job waits",
            "A job that waits will run anyway: it cannot be queued anew. One that waits for other "
            "jobs (`blocked`) has no time that could be changed.",
            "Give it another time with `reschedule` to have it run sooner.",
        ),
        ProblemType(
            Code.REQUEST_TIMEOUT,
            408,
            "The request came too slowly",
            "The request did not arrive whole within `JOBYARD_API_RECEIVE_SECONDS` (30 s unless "
            "set), head and body together. Nothing was stored, and the connection was closed.",
            "Send the request again, at once and whole. When the network is slow, ask the operator "
            "for a longer time.",
            retryable=True,
        ),
        ProblemType(
            Code.UNIQUE_CONFLICT,
            409,
            "Another job has this unique key",
            "A job of the same `unique.key` was submitted before and has not ended; `job_id` names "
            "it. With `on_conflict` `replace`, it has started, and cannot be replaced. Nothing was "
            "stored, and a job that was to be queued anew stays as it is.",
            "Wait until that job has ended, or ask for it: `on_conflict` `existing` answers with "
            "the job that there is, `replace` cancels it while it waits.",
        ),
        ProblemType(
            Code.BODY_TOO_LARGE,
            413,
            "The body is too large",
            "The body has more bytes than `JOBYARD_MAX_BODY_BYTES` allows (1 MiB unless set). It "
            "was refused before it was read to its end.",
            "Put large data elsewhere and send a reference to it.",
        ),
        ProblemType(
            Code.PAYLOAD_TOO_LARGE,
            413,
            "The payload is too large",
            "The payload of a job has, as JSON without spaces, more bytes than "
            "`JOBYARD_MAX_PAYLOAD_BYTES` allows (4 MiB unless set); the member `limit` says how "
            "many it allows. Nothing was stored.",
            "Put large data elsewhere and send a reference to it.",
        ),
        ProblemType(
            Code.URL_TOO_LONG,
            414,
            "The URL is too long",
            "The URL has more than 8 192 bytes.",
            "Shorten it. What is meant for the body does not belong into the URL.",
        ),
        ProblemType(
            Code.UNSUPPORTED_MEDIA_TYPE,
            415,
            "The body's media type is not supported",
            "The API reads `application/json` in UTF-8, not compressed.",
            "Send the header `Content-Type: application/json`.",
        ),
        ProblemType(
            Code.UNSAFE_JSON,
            422,
            "The body holds JSON that could not be read back",
            "The body is JSON, but holds something that other programs could not read or would "
            "read differently: `NaN` or `Infinity`, a number beyond 64 bits, half of a surrogate "
            "pair, a key twice in one object, too deep a nesting or too many values. `errors` "
            "points at each place.",
            "Change these values. Send large numbers as strings.",
        ),
        ProblemType(
            Code.INVALID_REQUEST,
            422,
            "The request does not fit",
            "A field, parameter or header is missing, unknown or has a wrong value. `errors` names "
            "each of them.",
            "Correct the named fields.",
        ),
        ProblemType(
            Code.INVALID_PAYLOAD,
            422,
            "The payload does not fit the task",
            "The payload was checked against the task's JSON Schema before it was stored, and does "
            "not fit. `errors` points at each mismatch. Nothing was stored.",
            "Compare the payload with the schema at `GET /v1/tasks/{name}`.",
        ),
        ProblemType(
            Code.UNKNOWN_TASK,
            422,
            "No task of that name",
            "No process has published a task of the name in `task`. Nothing was stored.",
            "Use one of the names that `GET /v1/tasks` lists; `detail` gives the nearest ones. A "
            "task appears there when a worker that has it starts.",
        ),
        ProblemType(
            Code.UNKNOWN_QUEUE,
            422,
            "No queue of that name",
            "Nobody has declared a queue of the name in `queue`: no task belongs to it and no "
            "worker has ever served it, so the job would wait for ever. Nothing was stored.",
            "Use one of the names that `GET /v1/queues` lists; `detail` gives the nearest ones. A "
            "queue appears there when a worker that serves it starts. With "
            "`JOBYARD_ANY_QUEUE=true` the API takes any name.",
        ),
        ProblemType(
            Code.IDEMPOTENCY_CONFLICT,
            422,
            "The idempotency key was used for another request",
            "A job was submitted under this key within the last 24 hours, with another body. "
            "Nothing was stored.",
            "Use a new key for a new request, and the same body when you repeat one.",
        ),
        ProblemType(
            Code.WITHHELD,
            424,
            "Another job of the batch was refused",
            "A batch asked for all or nothing, and another of its jobs was refused: its own result "
            "says why. No job of the batch was stored.",
            "Correct the jobs that were refused, and send the whole batch again.",
        ),
        ProblemType(
            Code.QUEUE_FULL,
            429,
            "The queue is full",
            "As many jobs wait in the queue, delayed ones and all priorities, as may "
            "(`JOBYARD_MAX_QUEUE_DEPTH`). Nothing was stored.",
            "Wait as long as the `Retry-After` header says and send the job again. The operator "
            "adds workers, or raises the limit where the store has room.",
            retryable=True,
        ),
        ProblemType(
            Code.TOO_MANY_WAITING,
            429,
            "The tenant has too many jobs waiting",
            "As many jobs of the tenant wait for their first start as its quota allows. Nothing "
            "was stored.",
            "Wait as long as the `Retry-After` header says and send the job again; cancel jobs "
            "that are not needed any more.",
            retryable=True,
        ),
        ProblemType(
            Code.QUOTA_EXHAUSTED,
            429,
            "The tenant has used up its quota",
            "The tenant's requests or payload bytes of this minute are used up. `RateLimit-Policy` "
            "names the quotas, `RateLimit` what is left of them.",
            "Wait as long as the `Retry-After` header says. An operator raises quotas with "
            "`jobyard quotas set`.",
            retryable=True,
        ),
        ProblemType(
            Code.HEADERS_TOO_LARGE,
            431,
            "The headers are too large",
            "The head of the request has more bytes than `JOBYARD_MAX_HEAD_BYTES` allows (32 KiB "
            "unless set), or more than 100 headers.",
            "Send fewer or shorter headers. Cookies of other applications on the same host are the "
            "usual cause.",
        ),
        ProblemType(
            Code.INTERNAL_ERROR,
            500,
            "The API failed",
            "The request met an error in the API itself. It is in the API's log under the "
            "`request_id`.",
            "Send the request again with an `Idempotency-Key`; report it with the `request_id`.",
            retryable=True,
        ),
        ProblemType(
            Code.STORE_DATA,
            500,
            "A key in the store has a foreign type",
            "A key that belongs to Jobyard holds something else. Nothing was written. The API's "
            "log names the key under the `request_id`.",
            "The operator finds out who wrote the key, and renames or deletes it.",
        ),
        ProblemType(
            Code.STORE_UNAVAILABLE,
            503,
            "The store does not answer",
            "The store is away, starting, read-only or full. The request may or may not have "
            "reached it.",
            "Wait as long as the `Retry-After` header says and send the request again, with an "
            "`Idempotency-Key` so that it creates one job only.",
            retryable=True,
        ),
        ProblemType(
            Code.SHUTTING_DOWN,
            503,
            "This process is about to stop",
            "`GET /readyz` says so when the process was told to stop: a load balancer sends "
            "requests elsewhere from now on. Those that still come are served.",
            "Send requests to another process.",
            retryable=True,
        ),
    )
}
