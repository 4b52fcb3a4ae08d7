"""What is not known to be the channel's truth: passes over its changes, and their doubts."""
