"""People inside: operators with roles and tokens, and who works in a channel."""
