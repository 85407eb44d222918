from django.urls import path

from sequences.views import builder, edit, files, panel, people, publishing, rules, simulation, versions

app_name = "sequences"

urlpatterns = [
    path("<int:sequence_id>/", builder.builder, name="builder"),
    path("<int:sequence_id>/edit/", edit.edit, name="edit"),
    path("<int:sequence_id>/numbers/", builder.numbers, name="numbers"),
    path("<int:sequence_id>/fragment/", builder.fragment, name="fragment"),
    path("<int:sequence_id>/export/", files.export, name="export"),
    path("<int:sequence_id>/import/", files.import_file, name="import"),
    path("<int:sequence_id>/rules/", rules.rules, name="rules"),
    path("<int:sequence_id>/steps/<slug:key>/", panel.step, name="step"),
    path("<int:sequence_id>/steps/<slug:key>/content/", panel.content, name="step_content"),
    path("<int:sequence_id>/steps/<slug:key>/newest/", panel.newest, name="step_newest"),
    path("<int:sequence_id>/steps/<slug:key>/comments/", panel.comment, name="comment"),
    path("<int:sequence_id>/comments/<int:comment_id>/", panel.settle_comment, name="settle_comment"),
    path("<int:sequence_id>/draft/", publishing.open_draft, name="open_draft"),
    path("<int:sequence_id>/draft/discard/", publishing.discard_draft, name="discard_draft"),
    path("<int:sequence_id>/publish/", publishing.publish, name="publish"),
    path("<int:sequence_id>/publish/progress/", versions.progress, name="publication"),
    path("<int:sequence_id>/versions/", versions.versions, name="versions"),
    path("<int:sequence_id>/versions/<int:number>/restore/", versions.restore, name="restore"),
    path("<int:sequence_id>/people/", people.people, name="people"),
    path("<int:sequence_id>/people/counts/", people.counts, name="people_counts"),
    path("<int:sequence_id>/people/ask/", people.ask, name="ask_people"),
    path("<int:sequence_id>/people/do/", people.intervene, name="intervene"),
    path("<int:sequence_id>/people/undo/<int:intervention_id>/", people.undo, name="undo_intervention"),
    path("<int:sequence_id>/people/<int:enrolment_id>/", people.person, name="enrolment"),
    path("<int:sequence_id>/simulate/", simulation.simulate, name="simulate"),
    path("<int:sequence_id>/test-run/", simulation.start_test_run, name="start_test_run"),
    path("<int:sequence_id>/test-run/<slug:run>/", simulation.test_run, name="test_run"),
    path("<int:sequence_id>/test-run/<slug:run>/stop/", simulation.stop_test_run, name="stop_test_run"),
]
