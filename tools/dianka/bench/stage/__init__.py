"""The stage: one virtual meter with its cards, the stories that are played on it, and the live
screen.
"""
