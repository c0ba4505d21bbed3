"""The desk on the command line: `dianka card`, `keys`, `sell` and `reader`."""
