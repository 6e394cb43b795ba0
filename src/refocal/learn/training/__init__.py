"""Parts of the training loop: state, checkpoints, log, checks."""
