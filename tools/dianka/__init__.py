"""Dianka on the PC: the bench with the virtual meter, the cards, and the desk."""
