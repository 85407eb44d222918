from django.urls import path
from rest_framework.routers import SimpleRouter

from team.api.viewsets import MemberViewSet, RootView

router = SimpleRouter()
router.register("members", MemberViewSet, basename="member")

urlpatterns = [path("", RootView.as_view(), name="api_root"), *router.urls]
