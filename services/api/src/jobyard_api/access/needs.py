"""What a route asks of its caller: declared beside the function, checked before a body is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from jobyard.errors import StoreUnavailableError
from jobyard_api.access.same_origin import check_same_origin
from jobyard_api.principal import NOBODY, UNKNOWN, Principal, Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope as ASGIScope

F = TypeVar("F", bound="Callable[..., Any]")

_MARK = "__jobyard_need__"


@dataclass(frozen=True, slots=True)
class Need:
    """What a caller must have.

    Attributes:
        scopes: All of these; none means that any key will do.
        is_public: Anybody may come, with no key either.
        is_for_operators: Keys of tenants are refused: what is shown belongs to no tenant.
        is_classic: ``JOBYARD_CLASSIC_PUBLIC`` opens it.
        is_page: A person sees it, who is sent to sign in.
        acts: It changes something although it is a GET.
        is_audited: A change gets its entry of the audit log when the route is done. Not for
            submissions, and not for what writes its entry in the same step.
    """

    scopes: frozenset[Scope] = frozenset()
    is_public: bool = False
    is_for_operators: bool = False
    is_classic: bool = False
    is_page: bool = False
    acts: bool = False
    is_audited: bool = True


def needs(
    *scopes: Scope,
    operator: bool = False,
    classic: bool = False,
    page: bool = False,
    acts: bool = False,
    audited: bool = True,
) -> Callable[[F], F]:
    """Declares what a route asks for, under the decorator that makes it a route."""
    need = Need(
        frozenset(scopes),
        is_for_operators=operator,
        is_classic=classic,
        is_page=page,
        acts=acts,
        is_audited=audited,
    )
    return _declare(need)


def public(endpoint: F) -> F:
    """Declares that anybody may use a route."""
    return _declare(Need(is_public=True, is_audited=False))(endpoint)


def need_of(endpoint: Callable[..., Any]) -> Need | None:
    """What was declared; None for a route that says nothing, which is then refused a place."""
    need: Need | None = getattr(endpoint, _MARK, None)
    return need


def admit(scope: ASGIScope, need: Need, *, changes: bool) -> Principal:
    """The sender of a request, who may do this.

    Raises:
        RefusalError: It has no key, or one without the scope; or another site sent it.
        StoreUnavailableError: Nobody can tell now.
    """
    principal: Principal = scope["state"].get("principal", NOBODY)
    if need.is_public:
        return principal
    if principal is UNKNOWN:
        raise StoreUnavailableError("Who sends this cannot be looked up")
    if principal is NOBODY or (principal.is_public and not need.is_classic):
        raise unauthenticated(
            "This needs an API key: send the header 'Authorization: Bearer yd_…'."
        )
    if not principal.scopes.issuperset(need.scopes):
        raise _missing(principal, need)
    if need.is_for_operators and principal.tenant is not None and not principal.is_public:
        raise RefusalError(Code.OPERATORS_ONLY, "This belongs to no tenant: only operators see it.")
    if changes and principal.csrf:
        check_same_origin(scope, principal.csrf)
    return principal


def unauthenticated(detail: str, *, error: str = "") -> RefusalError:
    """401, with the challenge of RFC 6750."""
    challenge = 'Bearer realm="jobyard"' + (f', error="{error}"' if error else "")
    return RefusalError(Code.UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})


def _missing(principal: Principal, need: Need) -> RefusalError:
    missing = sorted(str(scope) for scope in need.scopes - principal.scopes)
    detail = f"The key {principal.name!r} does not have the scope {', '.join(missing)}."
    return RefusalError(Code.MISSING_SCOPE, detail, members={"missing_scopes": missing})


def _declare(need: Need) -> Callable[[F], F]:
    def declare(endpoint: F) -> F:
        setattr(endpoint, _MARK, need)
        return endpoint

    return declare
