"""Dossier fees: priced from a portal's facts by the catalogue, overridden by two people, quarantined when the code is odd."""
