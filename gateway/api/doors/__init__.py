"""The doors, a file for each thing that they are about."""
