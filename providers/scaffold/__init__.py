"""Writes the skeleton of a new adapter into a clone: `make provider NAME=x`. Standard library only."""
