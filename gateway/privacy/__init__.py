"""Privacy: all that is known of a person, given out or erased; and what is forgotten in time."""
