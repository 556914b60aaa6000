"""Experiments: the questions recap answers, each with its result and its statistics."""
