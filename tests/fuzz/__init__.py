"""Requests made up from the OpenAPI document, sent to a running yard: ``make fuzz``.

``schemathesis.toml`` beside it says what is expected, ``hooks.py`` holds a check of our own.
"""
