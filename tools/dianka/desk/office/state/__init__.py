"""The rows that acts alone change: what the acts say of them, and whether the tables hold it."""
