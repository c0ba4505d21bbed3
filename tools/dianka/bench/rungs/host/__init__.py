"""Rung 1: the unmodified firmware under CPython.

Strict fakes of MicroPython's modules stand between the firmware and the bench's models.
"""
