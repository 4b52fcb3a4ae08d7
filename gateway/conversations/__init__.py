"""Conversations and their sessions: decided by the fold, kept in one transaction."""
