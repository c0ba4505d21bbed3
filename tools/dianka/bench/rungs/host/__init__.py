"""Rung 1: the unmodified firmware under CPython, on strict fakes of MicroPython's modules in front
of the bench's models.
"""
