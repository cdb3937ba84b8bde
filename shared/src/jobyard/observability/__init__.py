"""What Jobyard's processes say about themselves: logs and metrics, later traces and health."""
