"""What was done in the office, by whom and at which desk: chains that cannot be edited unseen."""
