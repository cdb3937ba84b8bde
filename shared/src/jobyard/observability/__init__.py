"""What Jobyard's processes say about themselves: logs, later metrics, traces and health."""
