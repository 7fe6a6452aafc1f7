"""Reasons why a command cannot go on, in sentences for the person who started it.

Raised before or outside any request; the command line prints them and exits with 2.
Never for what a caller of the API did: those are `PayclearError`.
"""

from __future__ import annotations


class OperatorProblem(Exception):
    """A plain sentence (or several lines) that says what is wrong and what to do."""
