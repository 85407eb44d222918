from django.urls import path

from integrations import views

app_name = "integrations"

urlpatterns = [
    path("webhooks/incoming/", views.sources, name="sources"),
    path("webhooks/incoming/new/", views.new_source, name="new_source"),
    path("webhooks/incoming/<int:source_id>/", views.edit_source, name="source"),
    path("webhooks/incoming/<int:source_id>/secret/", views.renew_secret, name="renew_secret"),
    path("webhooks/incoming/<int:source_id>/delete/", views.delete_source, name="delete_source"),
    path("hooks/<str:token>/", views.receive, name="receive"),
]
