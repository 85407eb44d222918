"""The style guide, on development servers only (config.urls includes this; the views check DEBUG)."""

from django.urls import path

from frontend import views

app_name = "frontend"
urlpatterns = [
    path("styleguide/", views.styleguide, name="styleguide"),
    path("styleguide/rows/", views.rows, name="styleguide-rows"),
    path("styleguide/form/", views.form, name="styleguide-form"),
    path("styleguide/autosave/", views.autosave, name="styleguide-autosave"),
    path("styleguide/order/", views.order, name="styleguide-order"),
    path("styleguide/progress/", views.progress, name="styleguide-progress"),
    path("styleguide/refuse/", views.refused, name="styleguide-refuse"),
    path("styleguide/dialog/", views.dialog, name="styleguide-dialog"),
    path("styleguide/layout/<str:name>/", views.layout, name="styleguide-layout"),
]
