"""What a provider is: capabilities, messages, outcomes and evidence. Pure; adapters import this and the kernel only."""
