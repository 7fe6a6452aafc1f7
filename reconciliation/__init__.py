"""The night: statements in, matches, discrepancies, closing and reports out."""
