from django.urls import path

from integrations.views import sources, webhooks

app_name = "integrations"

urlpatterns = [
    path("webhooks/incoming/", sources.sources, name="sources"),
    path("webhooks/incoming/new/", sources.new_source, name="new_source"),
    path("webhooks/incoming/<int:source_id>/", sources.edit_source, name="source"),
    path("webhooks/incoming/<int:source_id>/secret/", sources.renew_secret, name="renew_secret"),
    path("webhooks/incoming/<int:source_id>/delete/", sources.delete_source, name="delete_source"),
    path("webhooks/outgoing/", webhooks.endpoints, name="webhooks"),
    path("webhooks/outgoing/new/", webhooks.new_endpoint, name="new_webhook"),
    path("webhooks/outgoing/<int:endpoint_id>/", webhooks.edit_endpoint, name="webhook"),
    path("webhooks/outgoing/<int:endpoint_id>/log/", webhooks.log, name="webhook_log"),
    path("webhooks/outgoing/<int:endpoint_id>/secret/", webhooks.renew_endpoint_secret, name="renew_webhook_secret"),
    path("webhooks/outgoing/<int:endpoint_id>/test/", webhooks.send_test, name="test_webhook"),
    path("webhooks/outgoing/<int:endpoint_id>/delete/", webhooks.delete_endpoint, name="delete_webhook"),
    path("webhooks/outgoing/<int:endpoint_id>/log/<int:delivery_id>/resend/", webhooks.resend, name="resend_webhook"),
    path("hooks/<str:token>/", sources.receive, name="receive"),
]
