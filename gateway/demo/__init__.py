"""The demo: a whole set-up in a folder of its own, a story played in it, and how it is told."""
