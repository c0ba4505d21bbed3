"""Read a running meter over its data port, by DL/T 645-2007 (docs/read.md)."""
