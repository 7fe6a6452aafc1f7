"""What banks collect for us: the core, through the real door."""
