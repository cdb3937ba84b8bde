"""Who may do what: keys, sessions, quotas, the audit log. Used by the middleware and by routes.

``Access`` is the door to it; ``needs`` says of a route what it asks for.
"""

from __future__ import annotations

from jobyard_api.access.access import Access
from jobyard_api.access.needs import Need, admit, need_of, needs, public
from jobyard_api.access.route import GuardedRoute, note_target

__all__ = [
    "Access",
    "GuardedRoute",
    "Need",
    "admit",
    "need_of",
    "needs",
    "note_target",
    "public",
]
