from django.urls import path

from delivery import views

app_name = "delivery"

urlpatterns = [
    path("", views.mailboxes, name="mailboxes"),
    path("new/", views.new_mailbox, name="new_mailbox"),
    path("test/", views.try_settings, name="try_new_settings"),
    path("<int:mailbox_id>/", views.edit_mailbox, name="edit_mailbox"),
    path("<int:mailbox_id>/test/", views.try_settings, name="try_settings"),
    path("<int:mailbox_id>/pause/", views.pause_mailbox, name="pause_mailbox"),
    path("<int:mailbox_id>/resume/", views.resume_mailbox, name="resume_mailbox"),
    path("<int:mailbox_id>/delete/", views.delete_mailbox, name="delete_mailbox"),
]
