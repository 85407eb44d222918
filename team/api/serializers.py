from rest_framework import serializers

from team.models import Membership, Role


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A member of the workspace; only the role can be changed."""

    email = serializers.EmailField(source="user.email", read_only=True)
    first_name = serializers.CharField(source="user.first_name", read_only=True)
    last_name = serializers.CharField(source="user.last_name", read_only=True)
    role = serializers.ChoiceField(choices=Role.choices)

    class Meta:
        model = Membership
        fields = ["id", "email", "first_name", "last_name", "role", "joined_at"]


class RootSerializer(serializers.Serializer[dict[str, object]]):
    """Who the caller is taken for, and what there is."""

    workspace = serializers.SlugField(help_text="The slug of the workspace that the token belongs to.")
    actor = serializers.CharField(help_text='Who the audit trail will name, as in "token:2".')
    scopes = serializers.ListField(child=serializers.CharField(), help_text="Empty: everything.")
    resources = serializers.DictField(child=serializers.URLField(), help_text="The URL of each resource by its name.")
