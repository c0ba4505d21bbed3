"""A town under one seed: meters, residents, cards and desks in one process, with faults.

All time is virtual: that of the meters (`stretch`), and that of the office's database (`times`).
"""
