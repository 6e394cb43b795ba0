"""The training side: networks, losses, training and export; needs the extra ``refocal[learn]``."""
