from django.urls import path

from templates_lib.views import assets, editor, library, previews, sharing

app_name = "templates_lib"

# What mail programs fetch, without a login; included by the page of URLs under its own, short prefix.
asset_urlpatterns = [path("assets/<str:token>/<str:name>", assets.image, name="asset")]

urlpatterns = [
    path("", library.library, name="list"),
    path("new/", library.new, name="new"),
    path("import/", library.import_file, name="import"),
    path("categories/", library.categories, name="categories"),
    path("categories/<int:category_id>/rename/", library.rename_category, name="rename_category"),
    path("categories/<int:category_id>/delete/", library.delete_category, name="delete_category"),
    path("starters/<slug:slug>/use/", library.use_starter, name="use_starter"),
    path("starters/<slug:slug>/preview/", previews.starter, name="preview_starter"),
    path("previews/", previews.live, name="preview"),
    path("previews/contacts/", previews.contacts, name="preview_contacts"),
    path("previews/<str:key>/", previews.kept, name="preview_kept"),
    path("images/", assets.assets, name="assets"),
    path("images/upload/", assets.upload, name="upload_asset"),
    path("images/pick/", assets.picker, name="pick_asset"),
    path("images/<int:asset_id>/delete/", assets.delete, name="delete_asset"),
    path("<int:template_id>/", editor.edit, name="edit"),
    path("<int:template_id>/preview/", previews.saved, name="preview_saved"),
    path("<int:template_id>/details/", library.details, name="details"),
    path("<int:template_id>/history/", editor.history, name="history"),
    path("<int:template_id>/versions/<int:number>/restore/", editor.restore, name="restore"),
    path("<int:template_id>/duplicate/", library.duplicate, name="duplicate"),
    path("<int:template_id>/archive/", library.archive, name="archive"),
    path("<int:template_id>/unarchive/", library.unarchive, name="unarchive"),
    path("<int:template_id>/export/", library.export, name="export"),
    path("<int:template_id>/shares/", sharing.shares, name="shares"),
]
