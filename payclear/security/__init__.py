"""Keys, signatures and sealed fields: kernel and the cryptography package only."""
