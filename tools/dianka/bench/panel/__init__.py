"""The front of virtual meters in a browser: what people see and do, by the unmodified firmware."""
