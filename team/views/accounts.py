"""Signing in and out, the first user, passwords and the profile."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.views import LoginView, PasswordChangeView, PasswordResetConfirmView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from core.exceptions import DomainError
from core.forms import add_refusal
from frontend.htmx import invalid, render_page
from team import attempts, selectors, services
from team.access import MemberRequest, signed_in_view
from team.forms import ForgottenPasswordForm, ProfileForm, SetupForm, SignInForm, too_many
from team.models import User

PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"  # noqa: S105 - a class, not a password


class SignInView(LoginView):
    """Sign in by address and password; leads back to the page that asked for it."""

    template_name = "team/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """On a fresh installation there is nobody to sign in: go and set it up."""
        if not request.user.is_authenticated and not selectors.is_set_up():
            return redirect("team:set_up")
        return super().dispatch(request, *args, **kwargs)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Answer 422, or 429 with Retry-After when there were too many attempts."""
        response = self.render_to_response(
            self.get_context_data(form=form), status=429 if form.seconds_to_wait else 422
        )
        if form.seconds_to_wait:
            response.headers["Retry-After"] = str(form.seconds_to_wait)
        return response


def admin_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Stand in for the admin's own sign-in page, so that one set of limits guards both doors."""
    if request.user.is_authenticated:
        raise PermissionDenied("Only administrators of the installation may enter here.")
    query = urlencode({"next": request.GET.get("next") or reverse("admin:index")})
    return redirect(f"{reverse('team:login')}?{query}")


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest) -> HttpResponseBase:
    """Make the first user and workspace; once there is a user, this page is gone."""
    if selectors.is_set_up():
        return redirect("team:login")
    form = SetupForm(request.POST or None)
    if request.method == "POST":
        if form.is_valid():
            try:
                membership = services.set_up(**form.cleaned_data)
            except DomainError as error:
                add_refusal(form, error)
            else:
                login(request, membership.user, backend=PASSWORD_BACKEND)
                return redirect("/")
        return invalid(request, "team/set_up.html", {"form": form}, partial="")
    return render(request, "team/set_up.html", {"form": form})


@never_cache
@require_http_methods(["GET", "POST"])
def forgotten_password(request: HttpRequest) -> HttpResponseBase:
    """Ask for a link to choose a new password; the answer is the same whether the address has an account or not."""
    form = ForgottenPasswordForm(request.POST or None)
    if request.method != "POST":
        return render(request, "team/password_forgotten.html", {"form": form})
    if not form.is_valid():
        return invalid(request, "team/password_forgotten.html", {"form": form}, partial="")
    email = form.cleaned_data["email"]
    limits = attempts.reset_limits(email, attempts.place_of(request))
    if wait := attempts.seconds_to_wait(limits):
        form.add_error(None, too_many(wait))
        refused = render(request, "team/password_forgotten.html", {"form": form}, status=429)
        refused.headers["Retry-After"] = str(wait)
        return refused
    attempts.count(limits)
    services.send_password_reset(email)
    return render(request, "team/password_sent.html", {"email": email})


class ResetPasswordView(PasswordResetConfirmView):
    """Choose a new password by the link of the mail."""

    template_name = "team/password_reset.html"
    success_url = reverse_lazy("team:login")

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, "Your password was changed. Sign in with the new one.")
        return response

    def form_invalid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


@method_decorator(signed_in_view, name="dispatch")
class ChangePasswordView(PasswordChangeView):
    """Change one's own password; other sessions of the user end, this one stays."""

    template_name = "team/password_change.html"
    success_url = reverse_lazy("team:profile")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, "Your password was changed.")
        return response

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=422)


@signed_in_view
@require_http_methods(["GET", "POST"])
def profile(request: MemberRequest) -> HttpResponseBase:
    """One's own name and time zone."""
    user = request.user
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST":
        if not form.is_valid():
            return invalid(request, "team/profile.html", {"form": form})
        services.update_profile(user, **form.cleaned_data)
        messages.success(request, "Your profile was saved.")
        return redirect("team:profile")
    return render_page(request, "team/profile.html", {"form": form})
