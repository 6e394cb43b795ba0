"""Training pairs from sharp crops."""
