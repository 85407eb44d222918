"""Users, workspaces, members and tokens for tests."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from team.models import ApiToken, Membership, Role, User, Workspace
from team.selectors import token_digest

PASSWORD = "correct horse battery"


class UserFactory(DjangoModelFactory[User]):
    """A user whose password is PASSWORD."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    first_name = "Ada"
    last_name = factory.Sequence(lambda n: f"Tester {n}")

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create_user(kwargs.pop("email"), kwargs.pop("password", PASSWORD), **kwargs)


class WorkspaceFactory(DjangoModelFactory[Workspace]):
    class Meta:
        model = Workspace

    name = factory.Sequence(lambda n: f"Workspace {n}")
    slug = factory.Sequence(lambda n: f"workspace-{n}")
    company = "Example Ltd"
    postal_address = "1 Example Street, Exampleton"


class MembershipFactory(DjangoModelFactory[Membership]):
    """A member of a new workspace; an owner unless `role` says otherwise."""

    class Meta:
        model = Membership

    workspace = factory.SubFactory(WorkspaceFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.OWNER


class ApiTokenFactory(DjangoModelFactory[ApiToken]):
    """A token of a new workspace; the secret to send is in its attribute `secret`."""

    class Meta:
        model = ApiToken

    workspace = factory.SubFactory(WorkspaceFactory)
    name = "Tests"
    scopes: list[str] = []

    @classmethod
    def _create(cls, model_class: type[ApiToken], *args: Any, **kwargs: Any) -> ApiToken:
        import secrets

        secret = kwargs.pop("secret", None) or f"db_{secrets.token_urlsafe(32)}"
        token = model_class.objects.create(prefix=secret[:8], digest=token_digest(secret), **kwargs)
        token.secret = secret  # type: ignore[attr-defined]  # for tests to send
        return token
