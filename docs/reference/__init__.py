"""Writes the pages of ``docs/`` that say what the code says: ``make reference``.

Each module knows one source; tests hold the committed pages against all of them.
"""

from reference import commands, routes, settings, values

PAGES = (commands.PAGE, routes.PAGE, settings.PAGE, values.PAGE)

__all__ = ["PAGES"]
