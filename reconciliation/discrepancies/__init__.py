"""What does not tie: its class, its owner, its age and its history."""
