"""A small portal of a province: how a portal talks to payclear. It imports nothing of payclear."""
