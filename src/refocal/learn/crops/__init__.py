"""Files of packed crops to train on."""
