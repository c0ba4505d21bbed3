"""The silicon: the operating system of cards and ESAM, its ciphers and files, and T=0 as the chip
speaks it.
"""
