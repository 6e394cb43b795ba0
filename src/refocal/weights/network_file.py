"""The former place of ``refocal.inference.network_file.use_device``: kept for scripts that import it from here."""

from refocal.inference.network_file import use_device

__all__ = ["use_device"]
