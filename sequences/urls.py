from django.urls import path

from sequences.views import builder, publishing, versions

app_name = "sequences"

urlpatterns = [
    path("<int:sequence_id>/", builder.builder, name="builder"),
    path("<int:sequence_id>/draft/", publishing.open_draft, name="open_draft"),
    path("<int:sequence_id>/draft/discard/", publishing.discard_draft, name="discard_draft"),
    path("<int:sequence_id>/publish/", publishing.publish, name="publish"),
    path("<int:sequence_id>/publish/progress/", versions.progress, name="publication"),
    path("<int:sequence_id>/versions/", versions.versions, name="versions"),
    path("<int:sequence_id>/versions/<int:number>/restore/", versions.restore, name="restore"),
]
