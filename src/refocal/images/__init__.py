"""Photos as files and as arrays: reading, writing, metadata, colour, tiles."""
