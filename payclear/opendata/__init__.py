"""What the public may know of collecting: figures without persons, each with its scope, definition and as-of time."""
