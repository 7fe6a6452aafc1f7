"""Neutral checks of a parsed statement, before any matching."""
