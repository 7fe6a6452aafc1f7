"""Programs that show how payclear is used; no part of it imports them."""
