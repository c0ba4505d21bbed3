"""Selling: desks and their numbers, sales from intent to receipt, shifts."""
