"""The learn world: networks, losses, training and export; needs the extra ``refocal[learn]``."""
