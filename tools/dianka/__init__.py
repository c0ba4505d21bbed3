"""Dianka on the PC: the bench with the virtual meter, the cards, and the desk."""

INTERRUPTED = "interrupted before anything was done: give the command again"
