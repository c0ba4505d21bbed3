"""What an office is measured with: large ones made in bulk from a seed, and stop-watches."""
