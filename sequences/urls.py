from django.urls import path

from sequences.views import builder

app_name = "sequences"

urlpatterns = [
    path("<int:sequence_id>/", builder.builder, name="builder"),
]
