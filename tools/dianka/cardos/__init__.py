"""The silicon: operating system of cards and ESAM, their ciphers and files, and the chip's T=0."""
