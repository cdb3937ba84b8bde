"""The part that runs inside Locust. Importing it lets gevent patch the process."""
