"""Takes statements in: fetch, hash, keep the bytes, store the lines."""
