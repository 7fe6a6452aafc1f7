"""Pure: two lists in, matches and leftovers out."""
