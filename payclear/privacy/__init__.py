"""The people behind what is owed: who may read about them and why, what we tell them, when we forget them."""
