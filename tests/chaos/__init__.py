"""A crash harness: kills Jobyard's processes everywhere and counts what was lost or doubled.

``make chaos``, or ``python -m chaos --help`` with ``tests`` on the path. See ``docs/faults.md``.
"""
