"""The places where customers and people talk; one folder each, none knows another."""
