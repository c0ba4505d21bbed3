"""One hypothesis profile for all tests: no deadlines, since machines differ, and a failure that can be repeated elsewhere."""

from hypothesis import settings

settings.register_profile("ci", deadline=None, max_examples=100, derandomize=False, print_blob=True)
settings.load_profile("ci")
