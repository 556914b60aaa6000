"""Guests that run `recap record` inside, while the host dumps their memory: docs/starts.md."""
