"""What runs the firmware on the models: CPython (host), the real MicroPython (vm), an emulated chip
(rp2040).
"""
