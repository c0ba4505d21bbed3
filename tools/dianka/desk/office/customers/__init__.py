"""Who buys: customers, and their contracts for a meter over time."""
