from django.urls import path

from delivery.views import accounts, domains, mailboxes

app_name = "delivery"

urlpatterns = [
    path("", mailboxes.mailboxes, name="mailboxes"),
    path("new/", mailboxes.new_mailbox, name="new_mailbox"),
    path("test/", mailboxes.try_settings, name="try_new_settings"),
    path("new/api/", accounts.new_api_mailbox, name="new_api_mailbox"),
    path("<int:mailbox_id>/api/", accounts.api_account, name="api_account"),
    path("<int:mailbox_id>/api/remove/", accounts.remove_api_account, name="remove_api_account"),
    path("<int:mailbox_id>/oauth/", accounts.oauth_login, name="oauth_login"),
    path("<int:mailbox_id>/oauth/remove/", accounts.remove_oauth_login, name="remove_oauth_login"),
    path("domains/", domains.domains, name="domains"),
    path("domains/<int:domain_id>/", domains.domain, name="domain"),
    path("domains/<int:domain_id>/check/", domains.check_domain, name="check_domain"),
    path("domains/<int:domain_id>/keys/", domains.create_dkim_keys, name="create_dkim_keys"),
    path("domains/<int:domain_id>/keys/<int:key_id>/activate/", domains.activate_dkim_key, name="activate_dkim_key"),
    path("domains/<int:domain_id>/keys/<int:key_id>/delete/", domains.delete_dkim_key, name="delete_dkim_key"),
    path("domains/<int:domain_id>/delete/", domains.delete_domain, name="delete_domain"),
    path("rules/", mailboxes.sending_rules, name="sending_rules"),
    path("<int:mailbox_id>/pace/", mailboxes.mailbox_pace, name="mailbox_pace"),
    path("<int:mailbox_id>/", mailboxes.edit_mailbox, name="edit_mailbox"),
    path("<int:mailbox_id>/test/", mailboxes.try_settings, name="try_settings"),
    path("<int:mailbox_id>/pause/", mailboxes.pause_mailbox, name="pause_mailbox"),
    path("<int:mailbox_id>/resume/", mailboxes.resume_mailbox, name="resume_mailbox"),
    path("<int:mailbox_id>/delete/", mailboxes.delete_mailbox, name="delete_mailbox"),
]
