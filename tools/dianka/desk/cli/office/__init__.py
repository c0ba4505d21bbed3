"""`dianka office`: one module for each group of its commands, listed in app.py."""
