"""`dianka bench memory`: a memory that forgets, lies, answers late or not at all."""
