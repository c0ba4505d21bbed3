"""Years of a household's life on one meter, from one seed, checked after every step."""
