"""What payclear costs, as ratios to the same SQL in pgbench on the same server in the same run. Never a test."""
