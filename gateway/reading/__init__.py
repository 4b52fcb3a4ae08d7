"""Queries that pages share: sessions, their history and deliveries, as the JSON that people see."""
