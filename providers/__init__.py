"""Provider adapters and the simulator that speaks their other side."""
