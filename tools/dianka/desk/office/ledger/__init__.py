"""Every fen, twice: entries in fen with one debit and one credit account, and their proof."""
