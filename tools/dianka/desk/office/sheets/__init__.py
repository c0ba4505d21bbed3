"""Sheets: what the office knows as xlsx or csv, out of it and into it.

columns     headings, and what the cells of a column may hold
opening     the rows of a file that may be hostile, as text
places      premises and meters as sheets
people      customers and contracts as sheets
importing   a dry run that names each bad cell, then all or nothing
exporting   files that import again without a change
"""
