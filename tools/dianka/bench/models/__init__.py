"""Models of everything that is wired to the controller: mains, chips, relay, display, memory, clock, contacts."""
