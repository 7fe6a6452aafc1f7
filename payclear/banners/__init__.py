"""What every citizen's page says at its head for a while: an incident, work on the service. Officers write it."""
