"""The other side of every provider protocol, for development and tests; it imports no adapter and signs by
itself.
"""
