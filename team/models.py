from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

from core import clock
from team.validators import validate_locale, validate_time_zone


class UserManager(BaseUserManager["User"]):
    """Users are known by their address; there are no user names."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user with a hashed password (unusable when None)."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create an administrator of the installation."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.with_email(username or "").get()

    def with_email(self, email: str) -> "models.QuerySet[User]":
        """Return the user with this address, whatever its case (by the unique index on the lower-case address)."""
        return self.alias(email_key=Lower("email")).filter(email_key=Lower(models.Value(email)))


class User(AbstractUser):
    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_case_insensitive")]

    def __str__(self) -> str:
        return self.get_full_name() or self.email


class Workspace(models.Model):
    """Every row of the product belongs to one; nothing crosses its border."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    locale = models.CharField(max_length=35, default="en", validators=[validate_locale])
    company = models.CharField(max_length=200, blank=True, help_text="The sender's legal name, shown in the footer.")
    postal_address = models.TextField(blank=True, help_text="Required by law in marketing email.")
    website = models.URLField(blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        User, through="Membership", related_name="workspaces"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    EDITOR = "editor", "Editor"
    APPROVER = "approver", "Approver"
    ANALYST = "analyst", "Analyst"


class Share(models.TextChoices):
    """What a share adds to the role of the member who holds it; every member may look anyway."""

    EDIT = "edit", "Can edit"
    SEND = "send", "Can edit and send"


class Membership(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)
    joined_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class Invitation(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "workspace", Lower("email"), condition=models.Q(accepted_at=None), name="invitation_open_once"
            )
        ]

    def __str__(self) -> str:
        return self.email


class ApiToken(models.Model):
    """A bearer token of the API: only its hash is kept, the prefix lets people recognise it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = models.JSONField(default=list, blank=True, help_text="For example contacts:write; empty means everything.")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AuditEntry(models.Model):
    """One change of one row, written by a database trigger so that no path around it exists."""

    class Action(models.TextChoices):
        CREATED = "INSERT", "Created"
        CHANGED = "UPDATE", "Changed"
        DELETED = "DELETE", "Deleted"

    workspace_id = models.BigIntegerField("workspace ID", null=True)
    table = models.TextField()
    row_id = models.TextField("row ID")
    action = models.CharField(max_length=6, choices=Action.choices)
    actor = models.TextField(help_text="user:1, token:2, system or command.")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    at = models.DateTimeField("when")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["workspace_id", "-id"], name="audit_workspace"),
            models.Index(fields=["table", "row_id"], name="audit_row"),
            models.Index(fields=["workspace_id", "actor", "-id"], name="audit_actor"),
            models.Index(fields=["workspace_id", "table", "-id"], name="audit_table"),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.row_id} {self.action}"
