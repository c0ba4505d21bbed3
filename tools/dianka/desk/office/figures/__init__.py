"""Figures of the office: generated estates and sales, and what is measured with them."""
