"""The pictures of the handbook: an office from a seed at a fixed time, and its pages in a browser.

office      makes the office of the pictures
server      opens it with its clock standing still, for a browser
scenes      what is done before each picture
pictures    draws all of them: `python -m dianka.bench.handbook.pictures docs/desk`
"""
