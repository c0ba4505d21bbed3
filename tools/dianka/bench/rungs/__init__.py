"""Run the firmware on the models, in one of three ways.

CPython (host), the real MicroPython (vm), an emulated chip (rp2040).
"""
