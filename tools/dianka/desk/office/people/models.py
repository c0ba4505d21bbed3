"""Operators. One is never deleted, as the acts of all years name him; his sign-in is closed."""

from django.contrib.auth.models import AbstractUser

ROLES = ("clerk", "technician", "supervisor", "manager", "auditor")


class Operator(AbstractUser):
    """Somebody who signs in as himself; his roles are groups named as in ROLES."""
