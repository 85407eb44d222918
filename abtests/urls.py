from django.urls import path

from abtests.views import deciding, exports, pages

app_name = "abtests"

urlpatterns = [
    path("", pages.tests, name="list"),
    path("how-it-works/", pages.how_it_works, name="how_it_works"),
    path("<int:experiment_id>/", pages.results, name="results"),
    path("<int:experiment_id>/numbers/", pages.numbers, name="numbers"),
    path("<int:experiment_id>/breakdown/", pages.breakdown, name="breakdown"),
    path("<int:experiment_id>/results.csv", exports.as_csv, name="csv"),
    path("<int:experiment_id>/results.json", exports.as_json, name="json"),
    path("<int:experiment_id>/pause/", deciding.pause, name="pause"),
    path("<int:experiment_id>/resume/", deciding.resume, name="resume"),
    path("<int:experiment_id>/stop/", deciding.stop, name="stop"),
    path("<int:experiment_id>/choose/", deciding.choose, name="choose"),
    path("<int:experiment_id>/stop-version/", deciding.stop_version, name="stop_version"),
]
