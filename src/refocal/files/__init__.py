"""Writing files so that nothing of the user's is lost or half-written."""
