"""Give operators their roles."""

from django.contrib.auth.models import Group

from dianka.desk.office.people.models import ROLES, Operator


def give_role(operator: Operator, role: str) -> None:
    """Give an operator a role of ROLES; ValueError if it is none."""
    if role not in ROLES:
        raise ValueError(f"{role} is no role")
    operator.groups.add(Group.objects.get_or_create(name=role)[0])
