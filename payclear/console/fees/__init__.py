"""The console's pages of fees that need a decision."""
