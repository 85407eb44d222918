from django.urls import path

from analytics import views

app_name = "analytics"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("sending/", views.sending, name="sending"),
    path("campaigns/<int:campaign_id>/report/", views.report, name="report"),
    path("campaigns/<int:campaign_id>/report/numbers/", views.report_numbers, name="report_numbers"),
    path("campaigns/<int:campaign_id>/recipients/", views.recipients, name="recipients"),
    path("campaigns/<int:campaign_id>/recipients.csv", views.recipients_csv, name="recipients_csv"),
    path("messages/<int:message_id>/", views.message, name="message"),
    path("contacts/<int:contact_id>/timeline/", views.contact_timeline, name="contact_timeline"),
]
