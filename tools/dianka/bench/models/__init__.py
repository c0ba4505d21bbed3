"""Model everything that is wired to the controller, one module per part.

Mains, chips, relay, display, memory, clock, contacts.
"""
