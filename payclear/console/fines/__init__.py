"""The console's page of fines of which too much was paid."""
