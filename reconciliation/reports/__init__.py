"""The day's report: rows first, then CSV and HTML."""
