"""Models of everything that is wired to the controller.

Mains, chips, relay, display, memory, clock, contacts.
"""
