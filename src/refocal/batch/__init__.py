"""Batches of photo files: the plan, the restoration, the report."""
