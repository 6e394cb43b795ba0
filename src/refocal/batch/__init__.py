"""Many photos with one command: what becomes which, the restoring, the report."""
