"""Subscribers: who is told of events by signed posts, what each is owed, and how it is posted."""
