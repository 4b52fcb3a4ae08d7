"""What RQ runs: drains that do what the database owes, and the scheduler that wakes them."""
