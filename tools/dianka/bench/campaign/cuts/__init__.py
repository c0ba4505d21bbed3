"""`dianka bench cuts`: the power goes at every byte that is stored, and comes back."""
