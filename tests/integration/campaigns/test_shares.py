"""A campaign shared with a member whose role doesn't allow it: what that opens, what it never opens, and who decides."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from guardian.models import UserObjectPermission
from rest_framework.test import APIClient

from campaigns import services as campaigns
from campaigns.models import Campaign, Status
from team import selectors, services
from team.models import Membership, Role
from tests.factories.campaigns import make_campaign, make_template
from tests.factories.team import ApiTokenFactory, MembershipFactory, UserFactory, WorkspaceFactory

HTMX = {"HX-Request": "true"}


def url(name: str, campaign: Campaign, *args: object) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.pk, *args])


def browser(membership: Membership) -> Client:
    client = Client()
    client.force_login(membership.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def owner(workspace) -> Membership:
    return MembershipFactory(workspace=workspace)


@pytest.fixture
def analyst(workspace) -> Membership:
    return MembershipFactory(workspace=workspace, role=Role.ANALYST, user__first_name="Grace", user__last_name="Hopper")


@pytest.fixture
def campaign(workspace, mailbox) -> Campaign:
    return make_campaign(workspace, name="Spring")


def give(campaign: Campaign, member: Membership, access: str = "edit") -> None:
    services.share(obj=campaign, membership=member, access=access)


def share_of(campaign: Campaign, member: Membership) -> str:
    return next(access.share for access in selectors.access_to(campaign) if access.membership == member)


def form(campaign: Campaign, **changes: object) -> dict[str, object]:
    return {
        "version": campaign.version, "name": campaign.name, "subject": "", "preheader": "", "when": "now", "send_at": "",
        "time_zone": "UTC", "lists": [item.pk for item in campaign.lists.all()],
        "mailboxes": [item.pk for item in campaign.mailboxes.all()],
    } | changes  # fmt: skip


# What a share opens


def test_an_analyst_edits_the_shared_campaign_and_no_other(campaign, workspace, analyst, mailbox):
    other = make_campaign(workspace, name="Autumn")
    give(campaign, analyst)
    web = browser(analyst)

    assert web.post(url("save", campaign), form(campaign, name="Summer")).status_code == 200
    assert web.post(url("save", other), form(other, name="Winter")).status_code == 403

    assert b"data-autosave" in web.get(url("detail", campaign)).content
    assert b"data-autosave" not in web.get(url("detail", other)).content
    assert set(Campaign.objects.values_list("name", flat=True)) == {"Summer", "Autumn"}


@pytest.mark.parametrize(
    "name", ["launch", "schedule", "unschedule", "pause", "resume", "cancel", "delete", "duplicate"]
)
def test_editing_is_neither_sending_nor_making_nor_removing(campaign, analyst, name):
    give(campaign, analyst)

    assert browser(analyst).post(url(name, campaign)).status_code == 403
    assert Campaign.objects.get().status == Status.DRAFT


def test_who_may_send_launches_pauses_and_cancels(campaign, analyst):
    give(campaign, analyst, "send")
    web = browser(analyst)

    assert web.post(url("launch", campaign)).status_code == 302
    assert b"Pause" in web.get(reverse("analytics:report", args=[campaign.pk])).content
    assert web.post(url("pause", campaign)).status_code == 302
    assert web.post(url("cancel", campaign)).status_code == 302
    assert Campaign.objects.get().status == Status.CANCELLED


def test_sending_does_not_include_deleting_or_sharing(campaign, analyst):
    give(campaign, analyst, "send")
    web = browser(analyst)

    assert web.post(url("delete", campaign)).status_code == 403
    assert web.post(url("duplicate", campaign)).status_code == 403
    assert web.get(url("shares", campaign)).status_code == 403
    assert web.post(url("shares", campaign), {"member": analyst.pk, "access": "edit"}).status_code == 403


def test_a_template_is_chosen_from_the_library_but_none_is_made(campaign, workspace, analyst):
    template = make_template(workspace, name="Second")
    give(campaign, analyst)
    web = browser(analyst)

    assert b'name="starter"' not in web.get(url("template", campaign)).content
    assert web.post(url("template", campaign), {"starter": "newsletter"}).status_code == 403
    assert web.post(url("template", campaign), {"template": template.pk}).status_code == 302


def test_the_list_says_what_is_shared_and_its_menu_follows(campaign, workspace, analyst, mailbox):
    make_campaign(workspace, name="Autumn")
    campaigns.launch_campaign(campaign)
    give(campaign, analyst, "send")

    page = browser(analyst).get(reverse("campaigns:list")).content.decode()

    assert page.count("Shared with you") == 1
    assert page.count(url("pause", campaign)) == 1
    assert "Duplicate" not in page


def test_a_share_in_another_workspace_opens_nothing_here(campaign, analyst, workspace):
    elsewhere = MembershipFactory(user=analyst.user, role=Role.ANALYST, workspace__name="Zoo")
    theirs = make_campaign(elsewhere.workspace, name="Theirs")
    give(theirs, elsewhere)
    web = browser(analyst)
    web.post(reverse("team:switch"), {"workspace": workspace.slug})

    assert web.post(url("save", theirs), form(theirs)).status_code == 404


def test_who_left_and_came_back_has_no_share(campaign, workspace, owner, analyst):
    give(campaign, analyst, "send")

    services.remove_member(analyst, by=owner)
    again = MembershipFactory(workspace=workspace, user=analyst.user, role=Role.ANALYST)

    assert browser(again).post(url("save", campaign), form(campaign)).status_code == 403
    assert not UserObjectPermission.objects.exists()


def test_a_member_taken_out_in_the_admin_has_no_share_either(campaign, workspace, analyst, client):
    give(campaign, analyst)
    client.force_login(
        UserFactory(is_staff=True, is_superuser=True), backend="django.contrib.auth.backends.ModelBackend"
    )
    fields = {"name": workspace.name, "slug": workspace.slug, "time_zone": "UTC", "locale": "en", "company": "", "website": "",
              "postal_address": "", "memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 1,
              "memberships-0-id": analyst.pk, "memberships-0-workspace": workspace.pk, "memberships-0-user": analyst.user_id,
              "memberships-0-role": "analyst", "memberships-0-DELETE": "on"}  # fmt: skip

    assert client.post(reverse("admin:team_workspace_change", args=[workspace.pk]), fields).status_code == 302

    assert not Membership.objects.filter(pk=analyst.pk).exists()
    assert not UserObjectPermission.objects.exists()


def test_deleting_the_draft_ends_its_shares(campaign, analyst):
    give(campaign, analyst, "send")

    campaigns.delete_campaign(campaign)

    assert not UserObjectPermission.objects.exists()


def test_a_share_opens_no_door_of_the_admin(campaign, analyst, client):
    analyst.user.is_staff = True
    analyst.user.save()
    give(campaign, analyst, "send")
    client.force_login(analyst.user, backend="django.contrib.auth.backends.ModelBackend")
    page = reverse("admin:campaigns_campaign_change", args=[campaign.pk])

    assert client.get(page).status_code == 403
    analyst.user.user_permissions.add(Permission.objects.get(codename="view_campaign"))
    shown = client.get(page).content.decode()

    assert "Grace Hopper: can edit and send" in shown
    assert client.post(page, {"name": "Taken"}).status_code == 403


# The dialog


def test_an_owner_shares_changes_and_ends_it_each_with_undo(campaign, owner, analyst):
    web = browser(owner)
    page = web.get(url("shares", campaign), headers=HTMX).content.decode()
    assert "Grace Hopper (analyst)" in page

    shown = web.post(url("shares", campaign), {"member": analyst.pk, "access": "edit"}, headers=HTMX).content.decode()
    assert "Grace Hopper can edit now." in shown
    assert 'name="access" value="" autofocus' in shown  # the undo
    assert share_of(campaign, analyst) == "edit"

    shown = web.post(url("shares", campaign), {"member": analyst.pk, "access": "send"}, headers=HTMX).content.decode()
    assert "Grace Hopper can edit and send now." in shown
    assert 'value="edit" autofocus' in shown

    shown = web.post(url("shares", campaign), {"member": analyst.pk, "access": ""}, headers=HTMX).content.decode()
    assert "Grace Hopper can only view now." in shown
    assert 'value="send" autofocus' in shown
    assert share_of(campaign, analyst) == ""

    web.post(url("shares", campaign), {"member": analyst.pk, "access": "send"}, headers=HTMX)
    assert share_of(campaign, analyst) == "send"


def test_without_scripts_the_dialog_is_a_page_whose_message_undoes(campaign, owner, analyst):
    web = browser(owner)

    answer = web.post(url("shares", campaign), {"member": analyst.pk, "access": "edit"}, follow=True)
    undo = f"{url('shares', campaign)}?member={analyst.pk}&amp;access="

    assert f'data-undo="{undo}"' in answer.content.decode()
    assert web.post(undo.replace("&amp;", "&"), headers=HTMX).headers["HX-Redirect"] == url("shares", campaign)
    assert share_of(campaign, analyst) == ""


def test_it_shows_who_may_by_role(campaign, owner, analyst, workspace):
    MembershipFactory(workspace=workspace, role=Role.EDITOR, user__first_name="Linus", user__last_name="Editor")
    page = browser(owner).get(url("shares", campaign)).content.decode()
    by_role = page[page.index("share-by-role") :]

    assert by_role.count("Can edit and send</span>") == 2
    assert by_role.count("Can view</span>") == 1
    assert "Linus Editor (editor)" not in page  # nothing to add


def test_what_the_role_allows_is_not_shared(campaign, owner, workspace):
    editor = MembershipFactory(workspace=workspace, role=Role.EDITOR)

    answer = browser(owner).post(url("shares", campaign), {"member": editor.pk, "access": "edit"}, headers=HTMX)

    assert answer.status_code == 422
    assert "can do this anyway, by the role of editor" in answer.content.decode()
    assert not UserObjectPermission.objects.exists()


def test_only_members_of_the_workspace_are_found(campaign, owner):
    stranger = MembershipFactory()
    web = browser(owner)

    for member in (stranger.pk, 0, "x", "", 10**30):
        assert web.post(url("shares", campaign), {"member": member, "access": "edit"}).status_code == 404
    assert web.post(url("shares", campaign), {"member": owner.pk, "access": "everything"}).status_code == 422


def test_another_workspace_s_campaign_is_not_found(campaign, workspace):
    stranger = MembershipFactory(workspace=WorkspaceFactory())

    assert browser(stranger).get(url("shares", campaign)).status_code == 404


@pytest.mark.parametrize("role", [Role.EDITOR, Role.APPROVER, Role.ANALYST])
def test_only_owners_and_admins_share(campaign, workspace, analyst, role):
    web = browser(MembershipFactory(workspace=workspace, role=role))

    assert web.get(url("shares", campaign)).status_code == 403
    assert web.post(url("shares", campaign), {"member": analyst.pk, "access": "edit"}).status_code == 403
    assert b"shares/" not in web.get(url("detail", campaign)).content


# What it costs


def test_the_list_costs_one_query_more_however_many_are_shared(
    workspace, mailbox, analyst, django_assert_num_queries, django_assert_max_num_queries
):
    editor = browser(MembershipFactory(workspace=workspace, role=Role.EDITOR))
    web = browser(analyst)
    for number in range(6):
        give(make_campaign(workspace, name=f"Campaign {number}"), analyst, "send")
    web.get(reverse("campaigns:list"))
    with django_assert_max_num_queries(30) as by_role:
        editor.get(reverse("campaigns:list"))

    with django_assert_num_queries(len(by_role) + 1):
        web.get(reverse("campaigns:list"))


def test_the_dialog_costs_the_same_for_two_members_as_for_twenty(
    campaign, owner, workspace, django_assert_max_num_queries
):
    web = browser(owner)
    web.get(url("shares", campaign))
    for _ in range(20):
        give(campaign, MembershipFactory(workspace=workspace, role=Role.ANALYST))

    with django_assert_max_num_queries(6):
        assert web.get(url("shares", campaign)).content.count(b"share-person") == 21


# The API

API = "/api/v1/campaigns/{}/shares/"


@pytest.fixture
def api(workspace):
    """Return a function that makes a client with a token of these scopes."""

    def make(*scopes: str) -> APIClient:
        client = APIClient()
        token = ApiTokenFactory(workspace=workspace, scopes=list(scopes))
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token.secret}")
        return client

    return make


def test_the_api_lists_shares_changes_and_ends(api, campaign, owner, analyst):
    client = api("members:write")
    path = API.format(campaign.pk)

    given = client.put(f"{path}{analyst.pk}/", {"access": "send"}, format="json")
    assert (given.status_code, given.json()["share"], given.json()["by_role"]) == (200, "send", None)

    rows = {row["member"]: (row["role"], row["by_role"], row["share"]) for row in client.get(path).json()["results"]}
    assert rows == {owner.pk: ("owner", "send", None), analyst.pk: ("analyst", None, "send")}

    assert client.put(f"{path}{analyst.pk}/", {"access": "edit"}, format="json").json()["share"] == "edit"
    assert client.get(f"{path}{analyst.pk}/").json()["name"] == "Grace Hopper"
    assert client.delete(f"{path}{analyst.pk}/").status_code == 204
    assert client.delete(f"{path}{analyst.pk}/").status_code == 204
    assert not UserObjectPermission.objects.exists()


def test_a_token_for_campaigns_gives_nobody_rights(api, campaign, analyst):
    client = api("campaigns:write", "members:read")

    assert client.get(API.format(campaign.pk)).status_code == 200
    assert client.put(f"{API.format(campaign.pk)}{analyst.pk}/", {"access": "edit"}, format="json").status_code == 403


def test_the_api_finds_nothing_of_other_workspaces(api, campaign, workspace, analyst):
    theirs, stranger = make_campaign(WorkspaceFactory(), name="Theirs"), MembershipFactory()
    client = api()

    assert client.get(API.format(theirs.pk)).status_code == 404
    assert client.put(f"{API.format(theirs.pk)}{analyst.pk}/", {"access": "edit"}, format="json").status_code == 404
    assert client.put(f"{API.format(campaign.pk)}{stranger.pk}/", {"access": "edit"}, format="json").status_code == 404
    assert client.delete(f"{API.format(campaign.pk)}{stranger.pk}/").status_code == 404


def test_the_api_says_what_can_t_be_given(api, campaign, owner, analyst):
    client, path = api(), API.format(campaign.pk)

    wrong = client.put(f"{path}{analyst.pk}/", {"access": "everything"}, format="json")
    needless = client.put(f"{path}{owner.pk}/", {"access": "edit"}, format="json")

    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["access"])
    assert (needless.status_code, needless.json()["code"]) == (409, "role_suffices")


def test_the_api_honours_a_share_for_its_object_alone(campaign, workspace, analyst, mailbox):
    other = make_campaign(workspace, name="Autumn")
    give(campaign, analyst)
    client = APIClient()
    client.force_login(analyst.user, backend="django.contrib.auth.backends.ModelBackend")

    def patch(which):
        return client.patch(f"/api/v1/campaigns/{which.pk}/", {"name": "Summer"}, format="json").status_code

    assert (patch(campaign), patch(other)) == (200, 403)
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/launch/").status_code == 403
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/duplicate/").status_code == 403
    assert client.delete(f"/api/v1/campaigns/{campaign.pk}/").status_code == 403
    assert client.post("/api/v1/campaigns/", {"name": "New"}, format="json").status_code == 403
    assert client.put(f"{API.format(campaign.pk)}{analyst.pk}/", {"access": "send"}, format="json").status_code == 403

    give(campaign, analyst, "send")
    assert client.post(f"/api/v1/campaigns/{campaign.pk}/launch/", {}, format="json").status_code == 200


def test_the_schema_has_the_shares(client):
    paths = client.get("/api/v1/schema/?format=json").json()["paths"]

    for resource in ("campaigns", "templates"):
        assert set(paths[f"/api/v1/{resource}/{{id}}/shares/"]) & {"get", "post"} == {"get"}
        assert {"get", "put", "delete"} <= set(paths[f"/api/v1/{resource}/{{id}}/shares/{{member}}/"])


# The trail


def test_the_trail_tells_it_in_words(campaign, owner, analyst):
    web = browser(owner)
    web.post(url("shares", campaign), {"member": analyst.pk, "access": "send"})
    web.post(url("shares", campaign), {"member": analyst.pk, "access": "edit"})

    page = web.get(reverse("team:audit") + "?table=guardian_userobjectpermission").content.decode()

    assert page.count("Share created") == 2
    assert page.count("Share deleted") == 1
    assert page.count("Spring: Grace Hopper can edit and send") == 2
    assert page.count("Spring: Grace Hopper can edit<") == 1
    assert "User object permission" not in page
