"""Raw messages that may name people, sealed under one key a day."""
