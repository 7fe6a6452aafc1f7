"""The adapter for our open collection API."""
