from django.urls import path

from campaigns.views import (
    arrivals,
    checking,
    drafts,
    holdouts,
    library,
    lifecycle,
    sharing,
    sign_up_forms,
    signing_up,
    steps,
)

app_name = "campaigns"

urlpatterns = [
    path("", library.campaigns, name="list"),
    path("held-out/", holdouts.group, name="holdout_group"),
    path("held-out/renew/", holdouts.renew, name="renew_holdout_group"),
    path("new/", drafts.start, name="start"),
    path("forms/", sign_up_forms.forms, name="forms"),
    path("forms/new/", sign_up_forms.new, name="new_form"),
    path("forms/<int:form_id>/", sign_up_forms.show, name="form"),
    path("forms/<int:form_id>/edit/", sign_up_forms.edit, name="edit_form"),
    path("forms/<int:form_id>/delete/", sign_up_forms.delete, name="delete_form"),
    path("<int:campaign_id>/", drafts.detail, name="detail"),
    path("<int:campaign_id>/save/", drafts.save, name="save"),
    path("<int:campaign_id>/summary/", drafts.summary, name="summary"),
    path("<int:campaign_id>/audience/", drafts.accept_audience, name="accept_audience"),
    path("<int:campaign_id>/steps/add/", steps.add, name="add_step"),
    path("<int:campaign_id>/steps/order/", steps.order, name="order_steps"),
    path("<int:campaign_id>/steps/<slug:key>/remove/", steps.remove, name="remove_step"),
    path("<int:campaign_id>/template/", drafts.template, name="template"),
    path("<int:campaign_id>/template/newest/", drafts.newest_template, name="newest_template"),
    path("<int:campaign_id>/arrivals/", arrivals.arrivals, name="arrivals"),
    path("<int:campaign_id>/lift/", holdouts.lift, name="lift"),
    path("<int:campaign_id>/review/", checking.review, name="review"),
    path("<int:campaign_id>/check/", checking.check, name="check"),
    path("<int:campaign_id>/preview/", checking.preview, name="preview"),
    path("<int:campaign_id>/preview/html/", checking.preview_html, name="preview_html"),
    path("<int:campaign_id>/test/", checking.test, name="test"),
    path("<int:campaign_id>/test/status/", checking.test_status, name="test_status"),
    path("<int:campaign_id>/progress/", library.progress, name="progress"),
    path("<int:campaign_id>/launch/", lifecycle.launch, name="launch"),
    path("<int:campaign_id>/schedule/", lifecycle.schedule, name="schedule"),
    path("<int:campaign_id>/unschedule/", lifecycle.unschedule, name="unschedule"),
    path("<int:campaign_id>/pause/", lifecycle.pause, name="pause"),
    path("<int:campaign_id>/resume/", lifecycle.resume, name="resume"),
    path("<int:campaign_id>/close/", lifecycle.close, name="close"),
    path("<int:campaign_id>/cancel/", lifecycle.cancel, name="cancel"),
    path("<int:campaign_id>/duplicate/", lifecycle.duplicate, name="duplicate"),
    path("<int:campaign_id>/delete/", lifecycle.delete, name="delete"),
    path("<int:campaign_id>/shares/", sharing.shares, name="shares"),
]

# Pages for the public, at the root of the site.
public_urlpatterns = [
    path("f/confirm/<str:token>/", signing_up.confirm, name="confirm_sign_up"),
    path("f/<str:token>/", signing_up.page, name="sign_up"),
]
