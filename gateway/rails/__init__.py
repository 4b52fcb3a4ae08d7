"""What every door runs on: reading what callers send, JSON answers, and where a call comes from."""
