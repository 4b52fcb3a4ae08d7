"""The AI agents that answer customers; each kind is one file behind `base.AIAgent`."""
