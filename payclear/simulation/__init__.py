"""A day of the service in minutes: real parts, driven time, planted faults, and a judge who trusts none of them."""
