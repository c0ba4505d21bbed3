"""The whole business on one page: a counter that sells, a meter on the wall, cards between them."""
