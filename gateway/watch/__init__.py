"""Watching channels: what is heard and answered, what is wrong with it, who is owed word of it."""
