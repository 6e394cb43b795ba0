"""Export of checkpoints to files that the runtime reads."""
