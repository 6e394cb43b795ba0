"""Sharp crops to training pairs."""
