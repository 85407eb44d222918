from django.urls import path

from delivery import views

app_name = "delivery"

urlpatterns = [
    path("", views.mailboxes, name="mailboxes"),
    path("new/", views.new_mailbox, name="new_mailbox"),
    path("test/", views.try_settings, name="try_new_settings"),
    path("new/api/", views.new_api_mailbox, name="new_api_mailbox"),
    path("<int:mailbox_id>/api/", views.api_account, name="api_account"),
    path("<int:mailbox_id>/api/remove/", views.remove_api_account, name="remove_api_account"),
    path("domains/", views.domains, name="domains"),
    path("domains/<int:domain_id>/", views.domain, name="domain"),
    path("domains/<int:domain_id>/check/", views.check_domain, name="check_domain"),
    path("domains/<int:domain_id>/keys/", views.create_dkim_keys, name="create_dkim_keys"),
    path("domains/<int:domain_id>/keys/<int:key_id>/activate/", views.activate_dkim_key, name="activate_dkim_key"),
    path("domains/<int:domain_id>/keys/<int:key_id>/delete/", views.delete_dkim_key, name="delete_dkim_key"),
    path("domains/<int:domain_id>/delete/", views.delete_domain, name="delete_domain"),
    path("rules/", views.sending_rules, name="sending_rules"),
    path("<int:mailbox_id>/pace/", views.mailbox_pace, name="mailbox_pace"),
    path("<int:mailbox_id>/", views.edit_mailbox, name="edit_mailbox"),
    path("<int:mailbox_id>/test/", views.try_settings, name="try_settings"),
    path("<int:mailbox_id>/pause/", views.pause_mailbox, name="pause_mailbox"),
    path("<int:mailbox_id>/resume/", views.resume_mailbox, name="resume_mailbox"),
    path("<int:mailbox_id>/delete/", views.delete_mailbox, name="delete_mailbox"),
]
