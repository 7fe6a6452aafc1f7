"""Engine, unit of work, column types, locks and the embedded server."""
