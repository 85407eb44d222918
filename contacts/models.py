from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models

from core import clock
from team.models import User, Workspace

# What the search box looks in, as one lower-case text; the index below covers this very expression.
SEARCH_TEXT = models.Func(
    models.F("email_key"),
    models.F("first_name"),
    models.F("last_name"),
    models.F("company"),
    arg_joiner=" || ' ' || ",
    template="lower(%(expressions)s)",
    output_field=models.TextField(),
)


class TrackingMode(models.TextChoices):
    INDIVIDUAL = "individual", "Individual"
    AGGREGATE = "aggregate", "Only totals"
    OFF = "off", "Off"


class Contact(models.Model):
    """A person who can get mail.  `email_key` is the case-folded address, unique in the workspace.

    No index covers what sending and tracking change, so that those updates stay HOT (migration 0002 leaves room for them).
    The index for pages is a partial one on purpose: a query has to say `id > 0` to use it (`selectors.contacts_in` does). To
    the planner, a workspace that is new since the last ANALYZE is empty, so any index on it looks as good as the unique one;
    with this one out of reach, a look-up by address can't choose it and become quadratic in the midst of an import.
    That of tags holds only contacts with tags, so that the others cost nothing: a query says `tags <> '{}'`, too.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    email = models.CharField("email address", max_length=320)
    email_key = models.CharField(max_length=320, editable=False)
    first_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    last_name = models.CharField(max_length=150, blank=True, default="", db_default="")
    company = models.CharField(max_length=200, blank=True, default="", db_default="")
    locale = models.CharField(max_length=35, blank=True, default="", db_default="")
    time_zone = models.CharField(max_length=64, blank=True, default="", db_default="")
    attributes = models.JSONField(default=dict, db_default={}, help_text="Values of custom fields by their key.")
    tags = ArrayField(
        models.TextField(), default=list, db_default=[], blank=True, help_text="In small letters, in their order."
    )
    tracking = models.CharField(
        max_length=10,
        choices=TrackingMode.choices,
        default=TrackingMode.INDIVIDUAL,
        db_default=TrackingMode.INDIVIDUAL,
    )
    last_sent_at = models.DateTimeField(null=True, editable=False)
    last_opened_at = models.DateTimeField(null=True, editable=False)
    last_clicked_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "email_key"], name="contact_email_once")]
        indexes = [
            models.Index(fields=["workspace", "id"], condition=models.Q(id__gt=0), name="contact_pages"),
            GinIndex(OpClass(SEARCH_TEXT, name="gin_trgm_ops"), name="contact_search"),
            GinIndex(fields=["tags"], condition=~models.Q(tags=[]), name="contact_tags"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class FieldType(models.TextChoices):
    TEXT = "text", "Text"
    NUMBER = "number", "Number"
    DATE = "date", "Date"
    BOOLEAN = "boolean", "Yes or no"
    CHOICE = "choice", "Choice"
    LIST = "list", "List"


class ContactField(models.Model):
    """A custom field: its key is the merge field, its values live in `Contact.attributes`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=60)
    label = models.CharField(max_length=100)
    type = models.CharField(max_length=10, choices=FieldType.choices, default=FieldType.TEXT)
    choices = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "custom field"
        ordering = ["label"]
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="contact_field_key_once")]

    def __str__(self) -> str:
        return self.label


class List(models.Model):
    """A hand-kept group of contacts: people are in it because somebody put them there."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    contacts: "models.ManyToManyField[Contact, ListMember]" = models.ManyToManyField(
        Contact, through="ListMember", related_name="lists"
    )

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="list_name_once")]

    def __str__(self) -> str:
        return self.name


class ListMember(models.Model):
    list = models.ForeignKey(List, on_delete=models.CASCADE, related_name="list_members", db_index=False)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="list_members")
    added_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["list", "contact"], name="list_member_once")]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.list_id}"


class Segment(models.Model):
    """A saved question about contacts: a JSON tree of all/any groups and conditions, compiled to SQL."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    definition = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="segment_name_once")]

    def __str__(self) -> str:
        return self.name


class SuppressionReason(models.TextChoices):
    UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
    BOUNCED = "bounced", "Hard bounce"
    COMPLAINED = "complained", "Complained"
    MANUAL = "manual", "Added by hand"
    IMPORTED = "imported", "Imported"


class Suppression(models.Model):
    """An address that gets no more mail from this workspace.

    It belongs to the address, not to the contact: it outlives the contact's deletion.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    email_key = models.CharField("email address", max_length=320)
    reason = models.CharField(max_length=12, choices=SuppressionReason.choices)
    detail = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "email_key"], name="suppression_once")]
        # Partial for the same reason as that of contacts.
        indexes = [models.Index(fields=["workspace", "id"], condition=models.Q(id__gt=0), name="suppression_pages")]

    def __str__(self) -> str:
        return f"{self.email_key}: {self.get_reason_display()}"


class Import(models.Model):
    """A CSV file on its way into the contacts, and how far it has come.

    `processed` rows of the file are committed; a worker that takes the import up again starts behind them.
    processed = created + updated + unchanged + skipped + duplicates + rejected.
    """

    class Status(models.TextChoices):
        UPLOADED = "uploaded", "Waiting for its mapping"
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class DateOrder(models.TextChoices):
        YEAR_FIRST = "ymd", "2026-12-31"
        DAY_FIRST = "dmy", "31.12.2026 or 31/12/2026"
        MONTH_FIRST = "mdy", "12/31/2026"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    file = models.FileField(upload_to="imports/%Y/%m/", blank=True)
    file_name = models.CharField(max_length=255)
    encoding = models.CharField(max_length=40, default="utf-8")
    delimiter = models.CharField(max_length=4, default=",")
    has_header = models.BooleanField("the first line names the columns", default=True)
    date_order = models.CharField(max_length=3, choices=DateOrder.choices, default=DateOrder.YEAR_FIRST)
    decimal_comma = models.BooleanField(default=False, help_text="Numbers are written 1.234,5 instead of 1,234.5.")
    columns = models.JSONField(default=list, help_text="The file's columns by name, once it is mapped.")
    mapping = models.JSONField(default=dict, help_text="Column (by number) to contact field.")
    list = models.ForeignKey(List, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    update_existing = models.BooleanField("update contacts that exist", default=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.UPLOADED)
    error = models.TextField(blank=True, default="")
    total_bytes = models.BigIntegerField(default=0)
    processed_bytes = models.BigIntegerField(default=0)
    processed = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0, help_text="Contacts that were there already and were left alone.")
    duplicates = models.PositiveIntegerField(default=0, help_text="Rows whose address came again later in the file.")
    rejected = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    progressed_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["progressed_at"],
                condition=models.Q(status__in=["queued", "running"]),
                name="import_unfinished",
            )
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_finished(self) -> bool:
        return self.status in {self.Status.COMPLETED, self.Status.FAILED, self.Status.CANCELLED}


class ImportedContact(models.Model):
    """A contact that an unfinished import has touched: tells a duplicate in the file from a contact that was there before."""

    pk = models.CompositePrimaryKey("source_id", "contact_id")
    source = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"contact {self.contact_id} of import {self.source_id}"


class ImportRejection(models.Model):
    """A row of a file that became no contact, kept as it was with the reason."""

    source = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rejections", db_index=False)
    line = models.PositiveIntegerField()
    cells = models.JSONField()
    reason = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["source", "line"], name="import_rejection_line")]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class DeletedContact(models.Model):
    """What stays of a deleted contact: a hash of the address, so that an old unsubscribe link still works.

    `successor_id` is the contact that later took the address again. An unsubscribe without one is kept in
    `unsubscribed_at` and becomes a suppression when the address comes back.
    """

    contact_id = models.BigIntegerField("contact ID", primary_key=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    email_hash = models.BinaryField(max_length=32)
    successor_id = models.BigIntegerField("successor's ID", null=True, editable=False)
    unsubscribed_at = models.DateTimeField(null=True, editable=False)
    deleted_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "email_hash"], name="deleted_contact_hash")]

    def __str__(self) -> str:
        return f"deleted contact {self.contact_id}"
