"""What banks collect for us at their counters, ATMs and e-banking: bills asked for, paid, taken back."""
