"""What goes into the store and what comes out, as frozen records. Used by every service."""
