"""The core of the payment clearing service; imports neither providers nor reconciliation."""
