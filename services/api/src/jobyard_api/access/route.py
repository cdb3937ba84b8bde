"""The class of every route: it asks who comes before it reads anything, and notes what changed."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse
from typing_extensions import override

from jobyard.errors import ConfigurationError, JobyardError
from jobyard_api.access.audit import entry_of
from jobyard_api.access.needs import admit, need_of
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send

    from jobyard_api.access.audit import Audit
    from jobyard_api.principal import Principal

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_TARGET = "audit_target"


def note_target(scope: Scope, target: str) -> None:
    """Says what a request changes, where its path does not."""
    scope["state"][_TARGET] = target


class GuardedRoute(APIRoute):
    """A route that declares what it needs. One that does not is refused when the process starts."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        need = need_of(endpoint)
        if need is None:
            raise ConfigurationError(f"The route {path} does not say what it needs (@needs).")
        super().__init__(path, endpoint, **options)
        self.need = need
        self.changes = need.acts or not (self.methods or set()) <= _READING
        self.leaves_entries = self.changes and need.is_audited
        self.action = self.operation_id or ""

    @override
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, if its sender may send it."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)  # 405
            return
        try:
            principal = self.admit(scope)
        except RefusalError as refusal:
            if not self._is_page_of_a_stranger(scope, refusal):
                raise
            await _to_sign_in(scope)(scope, receive, send)
            return
        if self.leaves_entries:
            send = self._noting(scope, principal, receive, send)
        await super().handle(scope, receive, send)

    def admit(self, scope: Scope) -> Principal:
        """The sender of a request, who may send it; also for those who go round ``handle``.

        Raises:
            RefusalError: It may not.
            StoreUnavailableError: Nobody can tell now.
        """
        try:
            return admit(scope, self.need, changes=self.changes)
        except RefusalError as refusal:
            self._note_refused(scope, refusal)
            raise

    def _is_page_of_a_stranger(self, scope: Scope, refusal: RefusalError) -> bool:
        return self.need.is_page and refusal.code is Code.UNAUTHENTICATED and _is_seen(scope)

    def _note_refused(self, scope: Scope, refusal: RefusalError) -> None:
        if refusal.code is not Code.UNAUTHENTICATED:  # who only has no key yet did nothing
            audit: Audit = scope["app"].state.access.audit
            principal = scope["state"]["principal"]
            audit.note_refused(scope, f"{refusal.code} for {self.action}", principal)

    def _noting(self, scope: Scope, principal: Principal, receive: Receive, send: Send) -> Send:
        """Writes the entry between the change and its answer, which says so when it cannot."""
        audit: Audit = scope["app"].state.access.audit

        is_replaced = False

        async def note_and_send(message: Message) -> None:
            nonlocal is_replaced
            if is_replaced:
                return
            if message["type"] == "http.response.start" and _may_have_changed(message["status"]):
                target = scope["state"].get(_TARGET) or "/".join(scope["path_params"].values())
                entry = entry_of(
                    scope, principal, self.action, target, outcome=_outcome(message["status"])
                )
                try:
                    await audit.note(entry)
                except JobyardError as error:
                    is_replaced = True
                    await refusal_of(error).response(scope)(scope, receive, send)
                    return
            await send(message)

        return note_and_send


def _may_have_changed(status: int) -> bool:
    """A refusal changes nothing; would it be noted, whoever is refused could push others out."""
    return status < HTTPStatus.BAD_REQUEST or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _outcome(status: int) -> str:
    return f"{'done' if status < HTTPStatus.BAD_REQUEST else 'failed'} {status}"


def _is_seen(scope: Scope) -> bool:
    """Whether a person looks at it, with a browser."""
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _to_sign_in(scope: Scope) -> RedirectResponse:
    return RedirectResponse(f"/sign-in?next={quote(scope['path'])}", 303)
