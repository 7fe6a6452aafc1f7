"""Tests of the pure rules of what is owed."""
