from rest_framework.routers import SimpleRouter

from templates_lib.api.viewsets import AssetViewSet, CategoryViewSet, TemplateShareViewSet, TemplateViewSet

router = SimpleRouter()
router.register("templates", TemplateViewSet, basename="template")
router.register("template-categories", CategoryViewSet, basename="template-category")
router.register("assets", AssetViewSet, basename="asset")

urlpatterns = [*router.urls, *TemplateShareViewSet.urls("templates", "template")]
