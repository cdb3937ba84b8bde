"""The whole yard on one machine: its store, services, log and orderly end. Used by `jobyard up`."""
